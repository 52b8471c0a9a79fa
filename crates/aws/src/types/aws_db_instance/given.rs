//! Requests that carry the arguments that are set.

/// Gives a request the arguments that are set: setter of the request, kind of argument, name of the argument. Kinds:
/// `text`, `number`, `list` where they are not empty or 0; `yes` for a truth value where it is true; `truth` always.
macro_rules! given {
    ($call:expr, $object:expr; $($setter:ident: $kind:ident $name:literal),* $(,)?) => {{
        let call = $call;
        $(let call = call.$setter($crate::types::aws_db_instance::given::given!(@$kind $object, $name));)*
        call
    }};
    (@text $object:expr, $name:literal) => { $object.opt_str($name) };
    (@number $object:expr, $name:literal) => { $object.opt_i32($name) };
    (@list $object:expr, $name:literal) => { Some($object.strings($name)).filter(|list| !list.is_empty()) };
    (@yes $object:expr, $name:literal) => { $object.opt_bool($name).filter(|yes| *yes) };
    (@truth $object:expr, $name:literal) => { Some($object.bool($name)) };
    (@insights $object:expr, $name:literal) => {
        $object.opt_str($name).map(|mode| aws_sdk_rds::types::DatabaseInsightsMode::from(&*mode))
    };
    (@replica_mode $object:expr, $name:literal) => {
        $object.opt_str($name).map(|mode| aws_sdk_rds::types::ReplicaMode::from(&*mode))
    };
}

pub(super) use given;

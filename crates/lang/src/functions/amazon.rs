//! The functions of the AWS provider: `provider::aws::arn_build`, `arn_parse`, `trim_iam_role_path`.

use infra_value::{Type, Value};

use super::{Function, FunctionError, Param, gives_string, text};

/// The parts of an ARN behind the prefix, in their order.
const PARTS: [&str; 5] = ["partition", "service", "region", "account_id", "resource"];

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "provider::aws::arn_build",
        params: &[
            Param::string("partition"),
            Param::string("service"),
            Param::string("region"),
            Param::string("account_id"),
            Param::string("resource"),
        ],
        variadic: None,
        not_null: false,
        returns: gives_string,
        body: |args, _, _| {
            let parts: Vec<&str> = args.iter().map(text).collect();
            Ok(Value::string(format!("arn:{}", parts.join(":"))))
        },
    },
    Function {
        name: "provider::aws::arn_parse",
        params: &[Param::string("arn")],
        variadic: None,
        not_null: false,
        returns: |_| Ok(Type::object(PARTS.map(|name| (name, Type::String)))),
        body: |args, _, _| {
            let parts = parse(text(&args[0]))?;
            Ok(Value::object(PARTS.into_iter().zip(parts.map(Value::string))))
        },
    },
    Function {
        name: "provider::aws::trim_iam_role_path",
        params: &[Param::string("arn")],
        variadic: None,
        not_null: false,
        returns: gives_string,
        body: |args, _, _| {
            let [partition, service, region, account, resource] = parse(text(&args[0]))?;
            if service != "iam" {
                return Err(FunctionError::argument(0, "service must be \"iam\""));
            }
            if !region.is_empty() {
                return Err(FunctionError::argument(0, "region must be empty"));
            }
            let Some(path) = resource.strip_prefix("role/") else {
                return Err(FunctionError::argument(0, "resource must begin with \"role/\""));
            };
            let name = path.rsplit('/').next().unwrap_or(path);
            Ok(Value::string(format!("arn:{partition}:{service}:{region}:{account}:role/{name}")))
        },
    },
];

fn parse(arn: &str) -> Result<[&str; 5], FunctionError> {
    let mut parts = arn.splitn(6, ':');
    if parts.next() != Some("arn") {
        return Err(FunctionError::argument(0, "arn: invalid prefix"));
    }
    let parts: Vec<&str> = parts.collect();
    parts.try_into().map_err(|_| FunctionError::argument(0, "arn: not enough sections"))
}

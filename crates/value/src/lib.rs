//! Values as the Terraform language knows them: types, nulls, unknowns, marks, paths, conversion.
//!
//! This is what `cty` is to Terraform. Every rule about unknown values and marks lives here, so that no caller can
//! forget one. No I/O.

mod convert;
mod json;
mod mark;
mod number;
mod ops;
mod path;
mod refine;
mod secrets;
mod set;
mod ty;
mod value;

pub use convert::{ConvertError, convert, unify};
pub use json::{JsonError, type_from_json, type_to_json, value_from_json, value_from_json_implied, value_to_json};
pub use mark::Marks;
pub use number::{Number, NumberError};
pub use ops::OpError;
pub use path::{Path, PathStep};
pub use refine::{Refinements, Unknown};
pub use secrets::Secrets;
pub use ty::{ObjectType, Type};
pub use value::{Kind, Members, Value};

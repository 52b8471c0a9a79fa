//! The plan of types made with terraform-plugin-sdk: the configuration is compared with the prior object as texts, and
//! only what differs becomes part of the plan.

mod collection;
mod element;
mod fill;
mod nested;
mod scalar;

use infra_schema::{Block, Schema};
use infra_value::{Path, PathStep, Type, Value};

use super::at::{get_at, with_member};
use super::replace_paths::{strip_indices, unique};
use super::tags::plan_tags;
use super::zero::{fill_elements, is_zero, same_or_zero, text};
use super::{Around, Diff, Key, Meta, TypeRules};
use crate::Problem;

pub(super) use fill::restore_from_proposed;
pub use fill::{fill_unknown, without_write_only};

/// A planned object, and the paths whose change forces a replacement, before the engine's filter.
pub type SdkPlan = (Value, Vec<Path>);

/// Plans one object. `prior` is null on create, `proposed` is [`super::proposed_new`] of prior and configuration; with a
/// null `proposed` the object is to be deleted.
///
/// # Errors
/// What the type's own rules refuse.
pub fn plan_sdk(
    schema: &Schema,
    rules: &dyn TypeRules,
    meta: &Meta,
    prior: &Value,
    config: &Value,
    proposed: &Value,
) -> Result<SdkPlan, Vec<Problem>> {
    let block = &schema.block;
    if proposed.is_null() {
        return Ok((Value::null(block.ty()), Vec::new()));
    }
    let create = prior.is_null();
    let old = if create { block.empty() } else { fill_elements(prior) };
    let with_defaults = element::with_defaults(block, proposed);
    let around = Around { prior, proposed: &with_defaults };
    let mut walk = Walk { rules, around, create, replace: Vec::new() };
    let planned = walk.object(block, &old, Some(proposed), Mode::Normal, &Place::root());
    let mut replace = std::mem::take(&mut walk.replace);

    let mut diff = Diff::new_plan(block, prior, config, planned, meta);
    if block.attributes.contains_key("tags_all") {
        plan_tags(&mut diff, proposed);
    }
    rules.customise(&mut diff)?;
    let planned = settle(&mut diff, &old, &mut replace);
    replace.append(&mut diff.force_new);
    if !create && planned == old {
        return Ok((prior.clone(), Vec::new()));
    }

    // Other timeouts alone are no change.
    let planned = match proposed.get("timeouts") {
        Some(timeouts) if block.blocks.contains_key("timeouts") => with_member(&planned, "timeouts", timeouts.clone()),
        _ => planned,
    };
    let planned = restore_from_proposed(&planned, proposed);
    let planned = without_write_only(block, &planned);
    if !create && same_or_zero(prior, &planned) {
        return Ok((prior.clone(), Vec::new()));
    }
    if create {
        return Ok((fill_unknown(block, &planned), Vec::new()));
    }
    Ok((planned, unique(replace)))
}

/// Compares once more what the type's rules decided: what is equal to the prior value stays as that, and whether the
/// change replaces is worked out again.
fn settle(diff: &mut Diff<'_>, old: &Value, replace: &mut Vec<Path>) -> Value {
    let mut planned = diff.planned.clone();
    for name in &diff.decided {
        let path = Path::attribute(name.as_str());
        replace.retain(|p| !p.starts_with(&path));
        let (Some(was), Some(new)) = (get_at(old, &path), planned.get(name)) else { continue };
        let force_new = match (diff.block.attributes.get(name.as_str()), diff.block.blocks.get(name.as_str())) {
            (Some(attribute), _) => attribute.force_new,
            (_, Some(nested)) => nested.force_new,
            _ => false,
        };
        let same = match was.ty() {
            Type::Bool | Type::Number | Type::String => new.is_known() && text(was) == text(new),
            _ => same_or_zero(was, new),
        };
        let is_scalar = matches!(new.ty(), Type::Bool | Type::Number | Type::String);
        if same {
            // A computed collection that was nothing cannot become an empty one: that is "not known".
            let unknown = was.is_null() && !new.is_null() && !is_scalar;
            let kept = match (unknown, diff.prior.is_null() && is_scalar) {
                (true, _) => Value::unknown(was.ty()),
                (false, true) => new.clone(),
                (false, false) => was.clone(),
            };
            planned = with_member(&planned, name, kept);
        } else if force_new {
            replace.push(path);
        }
    }
    // A replacement that a rule asks for needs a change.
    let prior = diff.prior;
    diff.force_new.retain(|path| match (get_at(prior, path), get_at(&planned, path)) {
        (Some(a), Some(b)) => !same_or_zero(a, b),
        (None, Some(v)) | (Some(v), None) => !is_zero(v),
        (None, None) => false,
    });
    planned
}

/// How the members of an object are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Only differences count.
    Normal,
    /// Inside of a set element that was not there: everything is written out.
    Fresh,
    /// Inside of a set element that was there, in a set that changes: everything is written out.
    Kept,
}

/// Where the walk is.
#[derive(Clone, Debug)]
struct Place {
    names: Vec<std::sync::Arc<str>>,
    path: Path,
    /// The path of the set that this is inside of: whatever changes here is reported as a change of that.
    set: Option<Path>,
}

impl Place {
    fn root() -> Place {
        Place { names: Vec::new(), path: Path::root(), set: None }
    }
    fn attribute(&self, name: &std::sync::Arc<str>) -> Place {
        let mut place = self.clone();
        place.names.push(name.clone());
        place.path.0.push(PathStep::Attribute(name.clone()));
        place
    }
    fn at(&self, index: usize) -> Place {
        self.key(Value::from(i64::try_from(index).unwrap_or(i64::MAX)))
    }
    fn key(&self, key: Value) -> Place {
        let mut place = self.clone();
        place.path.0.push(PathStep::Index(key));
        place
    }
    fn element(&self, element: &Value) -> Place {
        let mut place = self.key(element.clone());
        place.set.get_or_insert_with(|| self.path.clone());
        place
    }
}

/// What an attribute's schema says, whether it is one of its own or an element of a collection.
#[derive(Clone, Copy)]
struct Traits<'s> {
    ty: &'s Type,
    required: bool,
    computed: bool,
    force_new: bool,
    default: Option<&'s Value>,
}

struct Walk<'a> {
    rules: &'a dyn TypeRules,
    around: Around<'a>,
    create: bool,
    replace: Vec<Path>,
}

impl Walk<'_> {
    /// Plans the members of an object. `new` is `None` where the object goes away: then only the replacements that this
    /// causes matter.
    fn object(&mut self, block: &Block, old: &Value, new: Option<&Value>, mode: Mode, place: &Place) -> Value {
        let attributes = block.attributes.iter().map(|(name, attribute)| {
            let null = Value::null(attribute.ty.clone());
            let was = old.get(name).unwrap_or(&null);
            let will = new.and_then(|n| n.get(name)).unwrap_or(&null);
            (name.clone(), self.attribute(attribute, was, will, mode, &place.attribute(name)))
        });
        let mut members: Vec<_> = attributes.collect();
        for (name, nested) in &block.blocks {
            let none = nested.empty();
            let was = old.get(name).unwrap_or(&none);
            let will = new.and_then(|n| n.get(name)).unwrap_or(&none);
            members.push((name.clone(), self.blocks(nested, was, will, mode, &place.attribute(name))));
        }
        Value::object(members)
    }

    fn attribute(
        &mut self,
        attribute: &infra_schema::Attribute,
        old: &Value,
        new: &Value,
        mode: Mode,
        place: &Place,
    ) -> Value {
        let traits = Traits {
            ty: &attribute.ty,
            required: attribute.required,
            computed: attribute.computed,
            force_new: attribute.force_new,
            default: attribute.default.as_ref(),
        };
        if attribute.is_computed_only() && !attribute.ty.is_primitive() {
            return self.only_computed(traits, old, new);
        }
        match &attribute.ty {
            Type::List(t) if matches!(**t, Type::Object(_)) => self.object_list(traits, t, old, new, mode, place),
            Type::Set(t) if matches!(**t, Type::Object(_)) => self.object_set(traits, t, old, new, mode, place),
            Type::List(_) => self.list(traits, old, new, mode, place),
            Type::Set(_) => self.set(traits, old, new, mode, place),
            Type::Map(_) => self.map(traits, old, new, mode, place),
            _ => self.scalar(traits, old, new, mode, place),
        }
    }

    /// A collection that only the provider gives: what it was, or unknown where it was nothing.
    fn only_computed(&self, traits: Traits<'_>, old: &Value, new: &Value) -> Value {
        match (old.is_null(), new.is_null() || !new.is_known()) {
            (false, _) => old.clone(),
            (true, true) => Value::unknown(traits.ty.clone()),
            (true, false) => new.clone(),
        }
    }

    /// Whether the type's rules make nothing of a difference.
    fn suppressed(&self, place: &Place, old: &str, new: &str) -> bool {
        let names: Vec<&str> = place.names.iter().map(|n| &**n).collect();
        self.rules.suppress(Key { names: &names, path: &place.path }, old, new, self.around)
    }

    fn state_form(&self, place: &Place, value: &Value) -> Value {
        let names: Vec<&str> = place.names.iter().map(|n| &**n).collect();
        let form = self.rules.state_form(Key { names: &names, path: &place.path }, value);
        form.unwrap_or_else(|| value.clone())
    }

    /// A change at a place replaces the resource.
    fn replaces(&mut self, place: &Place) {
        let path = place.set.as_ref().unwrap_or(&place.path);
        self.replace.push(strip_indices(path));
    }
}

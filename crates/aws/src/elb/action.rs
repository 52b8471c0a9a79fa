//! Actions of listeners and listener rules, to the API's form and back.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConditionalBehaviorEnum as CognitoBehavior,
    AuthenticateCognitoActionConfig, AuthenticateOidcActionConditionalBehaviorEnum as OidcBehavior,
    AuthenticateOidcActionConfig, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum, TargetGroupStickinessConfig, TargetGroupTuple,
};
use infra_provider::{IntoAttribute, Object, Part};
use infra_value::Value;

/// The actions in a block, in the API's form.
pub(crate) fn to_api(object: &Object, block: &str) -> Vec<Action> {
    let one = |(i, part): (usize, Part<'_>)| {
        let position = i32::try_from(i + 1).unwrap_or(i32::MAX);
        one_to_api(part, position)
    };
    object.parts(block).into_iter().enumerate().map(one).collect()
}

fn one_to_api(part: Part<'_>, position: i32) -> Action {
    let kind = ActionTypeEnum::from(part.str("type"));
    let action = Action::builder().order(part.opt_i32("order").unwrap_or(position)).r#type(kind.clone());
    let action = match kind {
        ActionTypeEnum::Forward => action
            .set_target_group_arn(part.opt_str("target_group_arn"))
            .set_forward_config(part.part("forward").map(forward)),
        ActionTypeEnum::Redirect => action.set_redirect_config(part.part("redirect").map(redirect)),
        ActionTypeEnum::FixedResponse => {
            action.set_fixed_response_config(part.part("fixed_response").map(fixed_response))
        }
        ActionTypeEnum::AuthenticateCognito => {
            action.set_authenticate_cognito_config(part.part("authenticate_cognito").map(cognito))
        }
        ActionTypeEnum::AuthenticateOidc => {
            action.set_authenticate_oidc_config(part.part("authenticate_oidc").map(oidc))
        }
        _ => action,
    };
    action.build()
}

fn forward(part: Part<'_>) -> ForwardActionConfig {
    let group = |group: Part<'_>| {
        TargetGroupTuple::builder().target_group_arn(group.str("arn")).weight(group.i32("weight")).build()
    };
    let stickiness = |stickiness: Part<'_>| {
        TargetGroupStickinessConfig::builder()
            .enabled(stickiness.bool("enabled"))
            .set_duration_seconds(stickiness.opt_i32("duration"))
            .build()
    };
    ForwardActionConfig::builder()
        .set_target_groups(Some(part.parts("target_group").into_iter().map(group).collect()))
        .set_target_group_stickiness_config(part.part("stickiness").map(stickiness))
        .build()
}

fn redirect(part: Part<'_>) -> RedirectActionConfig {
    RedirectActionConfig::builder()
        .status_code(RedirectActionStatusCodeEnum::from(part.str("status_code")))
        .host(part.str("host"))
        .path(part.str("path"))
        .port(part.str("port"))
        .protocol(part.str("protocol"))
        .query(part.str("query"))
        .build()
}

fn fixed_response(part: Part<'_>) -> FixedResponseActionConfig {
    FixedResponseActionConfig::builder()
        .status_code(part.str("status_code"))
        .content_type(part.str("content_type"))
        .message_body(part.str("message_body"))
        .build()
}

fn extra_params(part: Part<'_>) -> Option<std::collections::HashMap<String, String>> {
    let params = part.map("authentication_request_extra_params");
    Some(params.into_iter().collect()).filter(|p: &std::collections::HashMap<_, _>| !p.is_empty())
}

fn session_timeout(part: Part<'_>) -> Option<i64> {
    Some(part.int("session_timeout")).filter(|n| *n != 0)
}

fn cognito(part: Part<'_>) -> AuthenticateCognitoActionConfig {
    AuthenticateCognitoActionConfig::builder()
        .user_pool_arn(part.str("user_pool_arn"))
        .user_pool_client_id(part.str("user_pool_client_id"))
        .user_pool_domain(part.str("user_pool_domain"))
        .set_authentication_request_extra_params(extra_params(part))
        .set_on_unauthenticated_request(part.opt_str("on_unauthenticated_request").map(|v| CognitoBehavior::from(&*v)))
        .set_scope(part.opt_str("scope"))
        .set_session_cookie_name(part.opt_str("session_cookie_name"))
        .set_session_timeout(session_timeout(part))
        .build()
}

fn oidc(part: Part<'_>) -> AuthenticateOidcActionConfig {
    AuthenticateOidcActionConfig::builder()
        .authorization_endpoint(part.str("authorization_endpoint"))
        .client_id(part.str("client_id"))
        .client_secret(part.str("client_secret"))
        .issuer(part.str("issuer"))
        .token_endpoint(part.str("token_endpoint"))
        .user_info_endpoint(part.str("user_info_endpoint"))
        .set_authentication_request_extra_params(extra_params(part))
        .set_on_unauthenticated_request(part.opt_str("on_unauthenticated_request").map(|v| OidcBehavior::from(&*v)))
        .set_scope(part.opt_str("scope"))
        .set_session_cookie_name(part.opt_str("session_cookie_name"))
        .set_session_timeout(session_timeout(part))
        .build()
}

/// Drops `forward` blocks that the configuration does not have. A plan keeps them, since their coming and going alone is
/// no change; what is stored after a create or update is what is written.
pub(crate) fn as_written(object: &mut Object, block: &str, config: &Value) {
    let written = config.get(block).and_then(Value::elements).unwrap_or(&[]);
    let planned = object.raw(block).elements().unwrap_or(&[]);
    let one = |(i, action): (usize, &Value)| {
        let has = |v: &Value| v.get("forward").is_some_and(|f| !f.is_empty());
        match (action.get("forward"), written.get(i)) {
            (Some(forward), Some(written)) if has(action) && !has(written) => {
                let none = match forward.kind() {
                    infra_value::Kind::List(ty, _) => Value::list(ty.clone(), []),
                    _ => forward.clone(),
                };
                let members = action.members().into_iter().flatten();
                Value::object(
                    members.map(|(k, v)| (k.clone(), if &**k == "forward" { none.clone() } else { v.clone() })),
                )
            }
            _ => action.clone(),
        }
    };
    let actions = Value::tuple(planned.iter().enumerate().map(one).collect::<Vec<_>>());
    object.set(block, actions);
}

/// Stores actions as the API tells them. AWS says a forward to one group twice, as an ARN and as a list; which of the two
/// the resource has is what it had (or what the plan says). With nothing known, both. `with_arn`: an ARN of the first
/// action is kept beside a list.
pub(crate) fn fill(object: &mut Object, block: &str, actions: &[Action], with_arn: bool) {
    let mut actions: Vec<&Action> = actions.iter().collect();
    actions.sort_by_key(|a| a.order().unwrap_or(0));
    let old = object.parts(block);
    let nothing_known = old.is_empty();
    let top_arn = with_arn && old.first().is_some_and(|a| !a.str("target_group_arn").is_empty());
    let one = |(i, action): (usize, &&Action)| {
        let before = old.get(i).copied();
        let listed = before.is_some_and(|a| a.part("forward").is_some());
        let (arn, list) = match nothing_known {
            true => (true, true),
            false => (!listed || top_arn, listed),
        };
        from_api(action, before, arn, list)
    };
    let actions: Vec<Value> = actions.iter().enumerate().map(one).collect();
    object.set(block, Value::tuple(actions));
}

fn from_api(action: &Action, before: Option<Part<'_>>, arn: bool, list: bool) -> Value {
    let is_forward = action.r#type() == Some(&ActionTypeEnum::Forward);
    let mut members =
        vec![("type", action.r#type().map(|t| Value::from(t.as_str()))), ("order", action.order().map(Value::from))];
    if is_forward && arn {
        members.push(("target_group_arn", action.target_group_arn().map(Value::from)));
    }
    if is_forward && list {
        members.push(("forward", action.forward_config().and_then(forward_value)));
    }
    members.push(("redirect", action.redirect_config().and_then(redirect_value)));
    members.push(("fixed_response", action.fixed_response_config().and_then(fixed_response_value)));
    members.push(("authenticate_cognito", action.authenticate_cognito_config().and_then(cognito_value)));
    let secret = before.and_then(|b| b.part("authenticate_oidc")?.opt_str("client_secret"));
    let oidc = action.authenticate_oidc_config().and_then(|config| oidc_value(config, secret));
    members.push(("authenticate_oidc", oidc));
    Value::object(members.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

fn forward_value(config: &ForwardActionConfig) -> Option<Value> {
    let group = |group: &TargetGroupTuple| {
        [("arn", group.target_group_arn().map(Value::from)), ("weight", group.weight().map(Value::from))]
    };
    let stickiness = |config: &TargetGroupStickinessConfig| {
        vec![[("duration", config.duration_seconds().map(Value::from)), ("enabled", config.enabled().map(Value::from))]]
            .into_attribute()
    };
    vec![[
        ("target_group", config.target_groups().iter().map(group).collect::<Vec<_>>().into_attribute()),
        ("stickiness", config.target_group_stickiness_config().and_then(stickiness)),
    ]]
    .into_attribute()
}

fn redirect_value(config: &RedirectActionConfig) -> Option<Value> {
    vec![[
        ("host", config.host().map(Value::from)),
        ("path", config.path().map(Value::from)),
        ("port", config.port().map(Value::from)),
        ("protocol", config.protocol().map(Value::from)),
        ("query", config.query().map(Value::from)),
        ("status_code", config.status_code().map(|c| Value::from(c.as_str()))),
    ]]
    .into_attribute()
}

fn fixed_response_value(config: &FixedResponseActionConfig) -> Option<Value> {
    vec![[
        ("content_type", config.content_type().map(Value::from)),
        ("message_body", config.message_body().map(Value::from)),
        ("status_code", config.status_code().map(Value::from)),
    ]]
    .into_attribute()
}

/// None are an empty map: null is what the configuration says.
fn params_value(params: Option<&std::collections::HashMap<String, String>>) -> Option<Value> {
    let params: BTreeMap<String, String> = params.cloned().unwrap_or_default().into_iter().collect();
    params.into_attribute()
}

fn cognito_value(config: &AuthenticateCognitoActionConfig) -> Option<Value> {
    vec![[
        ("authentication_request_extra_params", params_value(config.authentication_request_extra_params())),
        ("on_unauthenticated_request", config.on_unauthenticated_request().map(|v| Value::from(v.as_str()))),
        ("scope", config.scope().map(Value::from)),
        ("session_cookie_name", config.session_cookie_name().map(Value::from)),
        ("session_timeout", config.session_timeout().map(Value::from)),
        ("user_pool_arn", config.user_pool_arn().map(Value::from)),
        ("user_pool_client_id", config.user_pool_client_id().map(Value::from)),
        ("user_pool_domain", config.user_pool_domain().map(Value::from)),
    ]]
    .into_attribute()
}

fn oidc_value(config: &AuthenticateOidcActionConfig, secret: Option<String>) -> Option<Value> {
    vec![[
        ("authentication_request_extra_params", params_value(config.authentication_request_extra_params())),
        ("authorization_endpoint", config.authorization_endpoint().map(Value::from)),
        ("client_id", config.client_id().map(Value::from)),
        // Never told by the API.
        ("client_secret", secret.map(Value::from)),
        ("issuer", config.issuer().map(Value::from)),
        ("on_unauthenticated_request", config.on_unauthenticated_request().map(|v| Value::from(v.as_str()))),
        ("scope", config.scope().map(Value::from)),
        ("session_cookie_name", config.session_cookie_name().map(Value::from)),
        ("session_timeout", config.session_timeout().map(Value::from)),
        ("token_endpoint", config.token_endpoint().map(Value::from)),
        ("user_info_endpoint", config.user_info_endpoint().map(Value::from)),
    ]]
    .into_attribute()
}

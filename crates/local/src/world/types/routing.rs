//! Route tables, routes and associations. Routes are facts that tables and routes both tell of.

use infra_catalog::network::same_network;
use infra_catalog::types::aws_route::TARGETS;
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::world::facts;
use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

/// A gateway that is the VPC itself.
const LOCAL: &str = "local";

impl facts::Route {
    /// The route inside of a VPC.
    pub(in crate::world) fn local(network: &str) -> facts::Route {
        facts::Route {
            destination: network.to_string(),
            kind: "gateway_id".to_string(),
            target: LOCAL.to_string(),
            origin: "CreateRouteTable".to_string(),
        }
    }

    /// From attributes of a route, of which the destination's have these names.
    fn written(part: Part<'_>, destinations: [&str; 3]) -> Result<facts::Route, Failure> {
        let destination = destinations.into_iter().find_map(|name| part.opt_str(name));
        let kind = TARGETS.into_iter().find(|kind| !part.str(kind).is_empty());
        match (destination, kind) {
            (Some(destination), Some(kind)) => Ok(facts::Route {
                destination,
                kind: kind.to_string(),
                target: part.str(kind).to_string(),
                origin: "CreateRoute".to_string(),
            }),
            (None, _) => refuse("MissingParameter", "The request must contain a destination of the route"),
            (_, None) => refuse("MissingParameter", "The request must contain exactly one target of the route"),
        }
    }
}

const IN_TABLE: [&str; 3] = ["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"];
const ALONE: [&str; 3] = ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"];

impl World {
    fn route_table(&self, id: &str) -> Result<&Object, Failure> {
        let message = format!("The routeTable ID '{id}' does not exist");
        self.need("aws_route_table", id, "InvalidRouteTableID.NotFound", message)
    }

    fn route(&self, table: &str, destination: &str) -> Option<&facts::Route> {
        self.facts.routes.get(table)?.iter().find(|route| same_network(&route.destination, destination))
    }

    fn check_target(&self, table: &str, route: &facts::Route) -> Result<(), Failure> {
        let (vpc, target) = (self.route_table(table)?.str("vpc_id"), route.target.as_str());
        match route.kind.as_str() {
            "gateway_id" if target.starts_with("igw-") => {
                let message = format!("The gateway ID '{target}' does not exist");
                let gateway = self.need("aws_internet_gateway", target, "InvalidGatewayID.NotFound", message)?;
                if gateway.str("vpc_id") != vpc {
                    let message =
                        format!("route table {table} and network gateway {target} belong to different networks");
                    return refuse("InvalidParameterValue", message);
                }
            }
            "nat_gateway_id" => {
                let message = format!("The natGateway ID '{target}' does not exist");
                self.need("aws_nat_gateway", target, "InvalidNatGatewayID.NotFound", message)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_route(&mut self, table: &str, route: facts::Route) -> Result<(), Failure> {
        self.check_target(table, &route)?;
        match self.route(table, &route.destination) {
            Some(found) if found.target == LOCAL && route.target == LOCAL => return Ok(()),
            Some(_) => {
                let message = format!("The route identified by {} already exists.", route.destination);
                return refuse("RouteAlreadyExists", message);
            }
            None if route.target == LOCAL => {
                let message = format!("local {} does not exist: a local route cannot be created", route.destination);
                return refuse("InvalidGatewayID.NotFound", message);
            }
            None => {}
        }
        self.facts.routes.entry(table.to_string()).or_default().push(route);
        Ok(())
    }

    fn remove_route(&mut self, table: &str, destination: &str) {
        if let Some(routes) = self.facts.routes.get_mut(table) {
            routes.retain(|route| route.origin != "CreateRoute" || !same_network(&route.destination, destination));
        }
    }
}

pub(in crate::world) struct Table;

impl Table {
    fn routes(&self, object: &Object) -> Result<Vec<facts::Route>, Failure> {
        object.parts("route").into_iter().map(|part| facts::Route::written(part, IN_TABLE)).collect()
    }
}

impl Kind for Table {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let network = world.vpc(object.str("vpc_id"))?.str("cidr_block").to_string();
        let id = ids::resource(cx, "rtb");
        object.set("arn", world.arn("ec2", &format!("route-table/{id}")));
        object.set("owner_id", &world.account);
        object.set("id", &id);
        world.facts.routes.insert(id.clone(), vec![facts::Route::local(&network)]);
        // What refers to a table finds it: it is recorded once more when it is complete.
        world.put("aws_route_table", self, &mut object.clone());
        for route in self.routes(object)? {
            world.add_route(&id, route)?;
        }
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let (old, new) = (self.routes(prior)?, self.routes(object)?);
        if old == new {
            return Ok(());
        }
        let id = object.id().to_string();
        for route in old.iter().filter(|route| !new.contains(route)) {
            world.remove_route(&id, &route.destination);
        }
        for route in new.into_iter().filter(|route| !old.contains(route)) {
            world.add_route(&id, route)?;
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let id = object.id();
        if world.all("aws_vpc").any(|vpc| vpc.str("main_route_table_id") == id) {
            let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
            return refuse("DependencyViolation", message);
        }
        let associations = world.records.entry("aws_route_table_association".into()).or_default();
        associations.retain(|_, association| association.str("route_table_id") != id);
        world.facts.routes.remove(id);
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let adopted = object.parts("route").iter().any(|route| route.str("gateway_id") == LOCAL);
        let routes = world.facts.routes.get(object.id()).map(Vec::as_slice).unwrap_or_default();
        let shown = routes.iter().filter(|route| adopted || route.target != LOCAL).map(|route| {
            let destination = IN_TABLE[which(&route.destination)];
            let names = IN_TABLE.into_iter().chain(TARGETS);
            Value::object(names.map(|name| {
                let text = match name {
                    name if name == destination => &route.destination,
                    name if name == route.kind => &route.target,
                    _ => "",
                };
                (name, Value::string(text))
            }))
        });
        let shown: Vec<Value> = shown.collect();
        object.set("route", shown);
        true
    }
}

/// Which of three attributes a destination stands in.
fn which(destination: &str) -> usize {
    match destination {
        d if d.contains(':') => 1,
        d if d.contains('.') => 0,
        _ => 2,
    }
}

pub(in crate::world) struct Route;

impl Route {
    fn destination<'a>(&self, object: &'a Object) -> &'a str {
        ALONE.into_iter().map(|name| object.str(name)).find(|text| !text.is_empty()).unwrap_or_default()
    }
}

impl Kind for Route {
    fn key(&self, object: &Object) -> String {
        let (table, destination) = (object.str("route_table_id"), self.destination(object));
        format!("r-{table}{}", crc32fast::hash(destination.as_bytes()))
    }

    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let table = object.str("route_table_id").to_string();
        let route = facts::Route::written(Part::new(&object.value()), ALONE)?;
        world.add_route(&table, route)?;
        let id = self.key(object);
        object.set("id", id);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        // A target of another kind takes the place of the one that there was.
        for kind in TARGETS {
            if prior.str(kind) == object.str(kind) {
                object.unset(kind);
            }
        }
        let table = object.str("route_table_id").to_string();
        let written = facts::Route::written(Part::new(&object.value()), ALONE);
        let route = match written {
            Ok(route) => route,
            Err(_) => {
                for kind in TARGETS {
                    object.set(kind, prior.str(kind).to_string());
                }
                return Ok(());
            }
        };
        world.check_target(&table, &route)?;
        world.remove_route(&table, &route.destination);
        world.add_route(&table, route)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        world.remove_route(object.str("route_table_id"), self.destination(object));
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let Some(route) = world.route(object.str("route_table_id"), self.destination(object)) else { return false };
        for kind in TARGETS {
            object.set(kind, if kind == route.kind { route.target.as_str() } else { "" });
        }
        let gone = world.check_target(object.str("route_table_id"), route).is_err();
        object.set("origin", &route.origin);
        object.set("state", if gone { "blackhole" } else { "active" });
        true
    }
}

pub(in crate::world) struct Association;

impl Kind for Association {
    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        let same = |name: &str, other: &Object| !object.str(name).is_empty() && object.str(name) == other.str(name);
        // What is imported has no id yet, but it has a target.
        let imported = !object.id().starts_with("rtbassoc-");
        let by_target =
            |other: &&Object| same("route_table_id", other) && (same("subnet_id", other) || same("gateway_id", other));
        world.get(ty, object.id()).or_else(|| world.all(ty).find(by_target).filter(|_| imported))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let (table, subnet) = (object.str("route_table_id"), object.str("subnet_id"));
        world.route_table(table)?;
        if !subnet.is_empty() {
            world.subnet(subnet)?;
            if world.all("aws_route_table_association").any(|other| other.str("subnet_id") == subnet) {
                let message =
                    format!("the specified association for route table {table} conflicts with an existing association");
                return refuse("Resource.AlreadyAssociated", message);
            }
        }
        object.set("id", ids::resource(cx, "rtbassoc"));
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if prior.str("route_table_id") != object.str("route_table_id") {
            world.route_table(object.str("route_table_id"))?;
            object.set("id", ids::resource(cx, "rtbassoc"));
        }
        Ok(())
    }
}

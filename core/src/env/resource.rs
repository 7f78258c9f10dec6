//! Who records: service, version, environment, project and further attributes of the resource.

use super::parse::{self, Parsed};
use super::resolver::{Found, Resolver};
use super::show;
use super::var::{Kind, Var};
use super::vars::*;
use crate::config::TracerConfig;

/// Attributes of one variable, each taken out once.
struct Attributes(Vec<Found<(String, String)>>);

impl Attributes {
    fn read(
        r: &mut Resolver,
        var: &'static Var,
        parse: impl FnOnce(&Kind, &str) -> Parsed<Vec<(String, String)>>,
    ) -> Self {
        let pairs = r.read(var, parse).map(|found| found.value).unwrap_or_default();
        Self(pairs.into_iter().map(|value| Found { var, value }).collect())
    }

    fn take(&mut self, key: &str) -> Option<Found<String>> {
        let at = self.0.iter().position(|found| found.value.0 == key)?;
        Some(self.0.remove(at).map(|(_, value)| value))
    }
}

pub(super) fn resource(r: &mut Resolver, c: &mut TracerConfig) {
    let service = r.read(&TRACER_SERVICE_NAME, parse::text);
    let version = r.read(&TRACER_SERVICE_VERSION, parse::text);
    let environment = r.read(&TRACER_ENVIRONMENT, parse::text);
    let project = r.read(&TRACER_PROJECT, parse::text);
    let mut ours = Attributes::read(r, &TRACER_RESOURCE_ATTRIBUTES, parse::attributes);
    let otel_service = r.read(&OTEL_SERVICE_NAME, parse::text);
    let mut otel = Attributes::read(r, &OTEL_RESOURCE_ATTRIBUTES, parse::attributes);
    let one = |key: &'static str| {
        move |kind: &Kind, text: &str| Ok(vec![(key.to_owned(), parse::text(kind, text)?)])
    };
    let pod = Attributes::read(r, &OTEL_RESOURCE_ATTRIBUTES_POD_NAME, one("k8s.pod.name"));
    let node = Attributes::read(r, &OTEL_RESOURCE_ATTRIBUTES_NODE_NAME, one("k8s.node.name"));

    // An empty name is no name.
    let named = |found: &Found<String>| !found.value.is_empty();
    let names = [
        service,
        ours.take("service.name").filter(named),
        otel_service,
        otel.take("service.name").filter(named),
    ];
    r.settle("service_name", &mut c.service_name, show::plain, &TRACER_SERVICE_NAME, names);
    for (name, key, target, var, found) in [
        ("service_version", "service.version", &mut c.service_version, &TRACER_SERVICE_VERSION, version),
        ("environment", "deployment.environment.name", &mut c.environment, &TRACER_ENVIRONMENT, environment),
        ("project", "project.name", &mut c.project, &TRACER_PROJECT, project),
    ] {
        let found = [found, ours.take(key), otel.take(key)].map(|found| found.map(|found| found.map(Some)));
        r.settle(name, target, show::optional, var, found);
    }

    let mut sources = [ours, otel, pod, node];
    while let Some(key) = sources.iter().rev().find_map(|source| Some(source.0.first()?.value.0.clone())) {
        let found = sources.each_mut().map(|source| source.take(&key));
        let mut value = String::new();
        let name = format!("resource.{key}");
        r.settle(name, &mut value, show::plain, &TRACER_RESOURCE_ATTRIBUTES, found);
        c.resource_attributes.push((key, value));
    }
}

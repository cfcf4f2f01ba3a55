#![allow(clippy::unwrap_used)]

use super::super::testing::{attached, bridge, container, port, service};
use super::super::{Found, find};
use super::*;
use crate::engine::model::{Attachment, Detail};

/// Identifiers are names here, so what ends with a short identifier ends with the name once more.
/// `through network names ports`, one line a way; then the obstacles' codes.
fn said(map: &Map<'_>, from: &str, to: &str) -> (Vec<String>, Vec<&'static str>) {
    let found = reach(map, &from.into(), &to.into()).unwrap();
    let line = |w: &Way| format!("{:?} {} {} {}", w.through, w.network, w.names.join(","), w.ports.join(","));
    (found.ways.iter().map(line).collect(), found.obstacles.iter().map(|o| o.code).collect())
}

fn ways(map: &Map<'_>, from: &str, to: &str) -> Vec<String> {
    let (ways, obstacles) = said(map, from, to);
    assert_eq!(obstacles, [""; 0], "{ways:?}");
    ways
}

fn todo(map: &Map<'_>, from: &str, to: &str) -> String {
    reach(map, &from.into(), &to.into()).unwrap().obstacles[0].todo.clone()
}

#[test]
fn members_of_a_network_have_names_and_the_ports_inside() {
    let net = bridge("shop_default", 20);
    let web = attached(service("shop", "web"), &[(&net, 2)]);
    let mut db = attached(service("shop", "db"), &[(&net, 3)]);
    db.ports = vec![port(Some(("127.0.0.1", 15432)), 5432)];
    let map = Map { containers: vec![&web, &db], networks: vec![&net] };
    assert_eq!(ways(&map, "shop-web-1", "shop-db-1"), ["Network shop_default db,shop-db-1,shop-db-1 5432/tcp"]);
    let found = reach(&map, &"shop-web-1".into(), &"shop-db-1".into()).unwrap();
    assert!(found.ways[0].note.contains("port 5432 here, not 15432"), "{}", found.ways[0].note);
    // The other names of an inspection count for more than the guess.
    let mut known = db.clone();
    known.networks[0].aliases = vec!["store".into(), "shop-db-1".into()];
    let map = Map { containers: vec![&web, &known], networks: vec![&net] };
    assert_eq!(ways(&map, "shop-web-1", "shop-db-1"), ["Network shop_default store,shop-db-1,shop-db-1 5432/tcp"]);
}

#[test]
fn without_a_common_network_the_lines_that_make_one_are_told() {
    let (mut front, mut back) = (bridge("shop_front", 20), bridge("blog_back", 21));
    for (net, project, key) in [(&mut front, "shop", "front"), (&mut back, "blog", "back")] {
        net.labels.insert("com.docker.compose.project".into(), project.into());
        net.labels.insert("com.docker.compose.network".into(), key.into());
    }
    let web = attached(service("shop", "web"), &[(&front, 2)]);
    let db = attached(service("blog", "db"), &[(&back, 2)]);
    let map = Map { containers: vec![&web, &db], networks: vec![&front, &back] };
    assert_eq!(said(&map, "shop-web-1", "blog-db-1"), (vec![], vec!["NO_COMMON_NETWORK"]));
    assert_eq!(
        todo(&map, "shop-web-1", "blog-db-1"),
        "docker network connect blog_back shop-web-1\n\
         services:\n  web:\n    networks: [front, back]\n\
         networks:\n  front: {}\n  back: {external: true, name: blog_back}"
    );
}

#[test]
fn on_the_default_bridge_only_addresses_and_links_work() {
    let mut net = bridge("bridge", 17);
    net.subnets[0].1 = String::new();
    let (mut a, b) = (attached(container("a1"), &[]), container("b1"));
    let place =
        |n: u8| Attachment { network: "bridge".into(), ip: Some([172, 17, 0, n].into()), ..Attachment::default() };
    a.networks = vec![place(2)];
    let b = Container { networks: vec![place(3)], ..b };
    let map = Map { containers: vec![&a, &b], networks: vec![&net] };
    assert_eq!(
        said(&map, "a1", "b1"),
        (vec!["Network bridge 172.17.0.3 ".to_owned()], vec!["DEFAULT_BRIDGE_NO_NAMES"])
    );
    assert!(todo(&map, "a1", "b1").starts_with("docker network create shared\n"));
    let linked = Container { links: vec![("b1".into(), "db".into())], ..a.clone() };
    let map = Map { containers: vec![&linked, &b], networks: vec![&net] };
    assert_eq!(ways(&map, "a1", "b1"), ["Network bridge db,172.17.0.3 "]);
    // Its gateway, which some engines do not tell, is the first address.
    let mut open = b.clone();
    open.ports = vec![port(Some(("0.0.0.0", 8080)), 80)];
    let map = Map { containers: vec![&linked, &open], networks: vec![&net] };
    assert_eq!(ways(&map, "a1", "b1")[1], "Published host 172.17.0.1 8080/tcp");
}

#[test]
fn published_ports_are_a_detour_but_for_internal_networks_and_the_loopback() {
    let (front, back) = (bridge("front", 20), bridge("back", 21));
    let a = attached(container("a1"), &[(&front, 2)]);
    let mut b = attached(container("b1"), &[(&back, 2)]);
    b.ports =
        vec![port(Some(("0.0.0.0", 8080)), 80), port(Some(("::", 8081)), 80), port(Some(("192.0.2.7", 9000)), 90)];
    let map = Map { containers: vec![&a, &b], networks: vec![&front, &back] };
    assert_eq!(
        said(&map, "a1", "b1"),
        (
            vec!["Published host 172.20.0.1 8080/tcp".to_owned(), "Published host 192.0.2.7 9000/tcp".to_owned()],
            vec!["NO_COMMON_NETWORK"]
        )
    );
    let shut = Network { internal: true, ..front.clone() };
    let map = Map { containers: vec![&a, &b], networks: vec![&shut, &back] };
    assert_eq!(said(&map, "a1", "b1"), (vec![], vec!["NO_COMMON_NETWORK", "INTERNAL_NO_WAY_OUT"]));
    b.ports = vec![port(Some(("127.0.0.1", 8080)), 80)];
    let map = Map { containers: vec![&a, &b], networks: vec![&front, &back] };
    assert_eq!(said(&map, "a1", "b1"), (vec![], vec!["NO_COMMON_NETWORK", "LOOPBACK_PUBLISHED"]));
}

#[test]
fn a_network_may_forbid_its_members_to_speak() {
    let mut net = bridge("closed", 20);
    net.options.insert("com.docker.network.bridge.enable_icc".into(), "false".into());
    let a = attached(container("a1"), &[(&net, 2)]);
    let mut b = attached(container("b1"), &[(&net, 3)]);
    let map = Map { containers: vec![&a, &b], networks: vec![&net] };
    assert_eq!(said(&map, "a1", "b1"), (vec![], vec!["ICC_OFF"]));
    b.ports = vec![port(Some(("0.0.0.0", 8080)), 80)];
    let map = Map { containers: vec![&a, &b], networks: vec![&net] };
    assert_eq!(said(&map, "a1", "b1"), (vec!["Published host 172.20.0.1 8080/tcp".to_owned()], vec!["ICC_OFF"]));
}

#[test]
fn one_that_shares_anothers_network_is_where_that_is() {
    let net = bridge("shop_default", 20);
    let web = attached(service("shop", "web"), &[(&net, 2)]);
    let db = attached(service("shop", "db"), &[(&net, 3)]);
    let side = Container { network_mode: "container:shop-web-1".into(), ..container("side") };
    let lost = Container { network_mode: "container:gone".into(), ..container("lost") };
    let map = Map { containers: vec![&web, &db, &side, &lost], networks: vec![&net] };
    assert_eq!(ways(&map, "side", "shop-web-1"), ["Shared container:shop-web-1 localhost "]);
    assert_eq!(ways(&map, "side", "shop-db-1")[0], "Network shop_default db,shop-db-1,shop-db-1 ");
    let found = reach(&map, &"shop-db-1".into(), &"side".into()).unwrap();
    assert_eq!(found.ways[0].names[0], "web");
    assert!(found.ways[0].note.contains("side shares the network of shop-web-1"));
    assert_eq!(said(&map, "lost", "side"), (vec![], vec!["NETWORK_OWNER_GONE"]));
    // A ring cannot be; it must not be followed for ever.
    let ring = Container { network_mode: "container:ring".into(), ..container("ring") };
    assert_eq!(said(&Map { containers: vec![&ring, &web], networks: vec![&net] }, "ring", "shop-web-1").0, [""; 0]);
}

#[test]
fn the_host_reaches_addresses_and_published_ports_and_is_reached_at_gateways() {
    let net = Network { internal: true, ..bridge("back", 20) };
    let mut db = attached(container("db"), &[(&net, 3)]);
    let agent = Container { network_mode: "host".into(), ..container("agent") };
    let map = Map { containers: vec![&db, &agent], networks: vec![&net] };
    assert_eq!(ways(&map, HOST, "db"), ["Address back 172.20.0.3 "]);
    assert_eq!(ways(&map, "agent", "db"), ["Address back 172.20.0.3 "]);
    assert_eq!(ways(&map, "db", HOST), ["Address back 172.20.0.1 "]);
    assert_eq!(ways(&map, "db", "agent"), ["Address back 172.20.0.1 "]);
    assert_eq!(ways(&map, "agent", HOST), ["Shared host localhost "]);
    db.detail = Some(Detail { wanted_ports: vec![port(Some(("0.0.0.0", 1)), 1)], ..Detail::default() });
    let map = Map { containers: vec![&db, &agent], networks: vec![&net] };
    assert_eq!(said(&map, HOST, "db").1, ["INTERNAL_NOT_PUBLISHED"]);
    let open = bridge("open", 21);
    let mut web = attached(container("web"), &[(&open, 2)]);
    web.ports = vec![port(Some(("127.0.0.1", 8080)), 80), port(Some(("0.0.0.0", 81)), 81), port(Some(("::", 82)), 81)];
    let map = Map { containers: vec![&web], networks: vec![&open] };
    assert_eq!(
        ways(&map, HOST, "web"),
        ["Published host localhost 8080/tcp,81/tcp", "Address open 172.21.0.2 80/tcp,81/tcp"]
    );
    let wlan = Network { driver: "macvlan".into(), ..bridge("wlan", 22) };
    let cam = attached(container("cam"), &[(&wlan, 2)]);
    let map = Map { containers: vec![&cam], networks: vec![&wlan] };
    assert_eq!((said(&map, HOST, "cam").1, said(&map, "cam", HOST).1), (vec!["NOT_FROM_HOST"], vec!["NOT_TO_HOST"]));
}

#[test]
fn what_does_not_run_is_not_reached_and_it_is_told_how_it_would_be() {
    let net = bridge("back", 20);
    let a = attached(container("a1"), &[(&net, 2)]);
    let mut b = attached(container("b1"), &[(&net, 3)]);
    (b.state, b.exit_code) = (State::Exited, Some(1));
    let map = Map { containers: vec![&a, &b], networks: vec![&net] };
    let found = reach(&map, &"a1".into(), &"b1".into()).unwrap();
    assert_eq!((found.ways.len(), found.obstacles[0].code), (0, "TARGET_NOT_RUNNING"));
    assert_eq!(found.obstacles[0].what, "b1 does not run: exited 1 (else reached as b1 on back)");
    assert_eq!(said(&map, "b1", "a1").1, ["SOURCE_NOT_RUNNING"]);
    b.state = State::Paused;
    let map = Map { containers: vec![&a, &b], networks: vec![&net] };
    assert_eq!(said(&map, "a1", "b1").1, ["TARGET_PAUSED"]);
    let none = Container { network_mode: "none".into(), ..container("none1") };
    let map = Map { containers: vec![&a, &none], networks: vec![&net] };
    assert_eq!(said(&map, "a1", "none1").1, ["NETWORK_NONE"]);
    assert_eq!(todo(&map, "none1", "a1"), "docker network disconnect none none1\ndocker network connect back none1");
    assert_eq!(reach(&map, &"a1".into(), &"nobody".into()), None);
}

#[test]
fn a_container_is_found_by_name_identifier_or_service() {
    let net = bridge("x", 20);
    let mut web = attached(service("shop", "web"), &[(&net, 2)]);
    web.id = "abcdef0123456789".into();
    let mut copy = service("shop", "worker");
    (copy.name, copy.id) = ("shop-worker-2".into(), "2".into());
    let (worker, blog) = (service("shop", "worker"), service("blog", "api"));
    let all = [&web, &copy, &worker, &blog];
    let one = |text: &str| match find(&all, text) {
        Found::One(id) => id.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(
        [one("shop-web-1"), one("abcd"), one("shop/web"), one("web"), one("/shop-web-1")],
        ["abcdef0123456789"; 5]
    );
    assert_eq!(one("blog/api"), "blog-api-1");
    assert_eq!(find(&all, "worker"), Found::Several(vec!["shop-worker-1".into(), "shop-worker-2".into()]));
    assert_eq!(find(&all, "wbe"), Found::None(vec!["web".into()]));
    assert_eq!(find(&all, "blog"), Found::None(vec!["blog-api-1".into()]));
    assert_eq!(find(&all, "abc"), Found::None(vec![]));
}

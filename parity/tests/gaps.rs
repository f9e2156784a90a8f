//! Interfaces that a QEMU to come offers are no gaps any more, and the commands that waited for them use them.

use std::sync::Arc;

use mock_qmp::MockQmp;
use monitor::engine::Monitor;
use monitor::qmp::address::Address;
use monitor::qmp::client::{Client, Options};
use monitor::route::Passthrough;
use serde_json::json;

const COMING: [&str; 3] = ["x-query-network", "x-query-usernet", "x-qemu-io"];

fn text(text: &str) -> serde_json::Value {
    json!({ "human-readable-text": text })
}

fn qemu() -> MockQmp {
    MockQmp::scripted()
        .version("11.2.0")
        .command("query-target", json!({"arch": "x86_64"}))
}

#[tokio::test]
async fn an_interface_that_is_offered_leaves_the_list() {
    let gaps_of = async |mock: MockQmp| -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("qmp.sock");
        let _server = mock.serve_unix(&socket).unwrap();
        let offered = parity::offered::connected(&Address::Unix(socket)).await;
        let gaps = parity::gaps::gaps(&[offered.unwrap()]);
        gaps.into_iter().map(|gap| gap.name.to_owned()).collect()
    };
    let before = gaps_of(qemu()).await;
    let offering = COMING
        .iter()
        .fold(qemu(), |mock, name| mock.command(name, text("")));
    let after = gaps_of(offering).await;
    for name in COMING {
        assert!(before.iter().any(|gap| gap == name), "{name}: {before:?}");
        assert!(!after.iter().any(|gap| gap == name), "{name}: {after:?}");
    }
    assert_eq!(before.len(), after.len() + COMING.len());
}

#[tokio::test]
async fn its_commands_print_what_it_answers() {
    let mock = qemu()
        .command("x-query-network", text("hub 0\r\n \\ net0: index=0\r\n"))
        .command("x-query-usernet", text("Hub -1 (net0):\r\n"))
        .command_with("x-qemu-io", |arguments| {
            text(&format!("{arguments}\r\n")).into()
        });
    let (_server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let mut monitor = Monitor::builder(Arc::new(client))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .unwrap();
    for (line, expected) in [
        ("info network", "hub 0\n \\ net0: index=0\n"),
        ("info usernet", "Hub -1 (net0):\n"),
        (
            "qemu-io disk0 \"read 0 512\"",
            "{\"command\":\"read 0 512\",\"device\":\"disk0\"}\n",
        ),
        (
            "qemu-io -d vb0 flush",
            "{\"command\":\"flush\",\"device\":\"vb0\",\"qdev\":true}\n",
        ),
    ] {
        let mut answer = String::new();
        monitor.run_line(line, &mut answer).await;
        let sorted = |text: &str| {
            let value: Result<serde_json::Value, _> = serde_json::from_str(text);
            value.map_or(text.to_owned(), |v| {
                let mut members: Vec<_> = v.as_object().unwrap().iter().collect();
                members.sort_by_key(|(key, _)| *key);
                format!("{members:?}")
            })
        };
        assert_eq!(sorted(&answer), sorted(expected), "{line}");
    }
}

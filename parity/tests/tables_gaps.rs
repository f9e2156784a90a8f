// SPDX-License-Identifier: GPL-2.0-or-later
//! Interfaces that a QEMU to come offers are not gaps any more.

use hmp::client::address::Address;
use mock_qmp::MockQmp;
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
        let offered = parity::tables::offered::connected(&Address::Unix(socket)).await;
        let gaps = parity::tables::gaps::gaps(&offered.unwrap(), &[]);
        gaps.into_iter().map(|gap| gap.name).collect()
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

// SPDX-License-Identifier: GPL-2.0-or-later
//! `i` and `o` without the built-in monitor, against its answers on the same VM, which is stopped.

use std::path::Path;

use futures_util::future::join_all;
use hmp::client::Client;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};

use crate::common::engine::{connect, run};
use crate::common::qemu::Qemu;
use crate::common::roms::builtin;
use crate::pc::{monitor, pcs};

/// Ports of the clock chip, the serial port, PCI, the firmware's configuration, the keyboard and of
/// nobody, by all sizes. The line before each may choose what it shows.
const LINES: &[&str] = &[
    "i 0x64",
    "i/b 0x70.0x0e",
    "i /b 0x70.0x10f",
    "i/w 0x71",
    "o/l 0xcf8 0x80000000",
    "i/l 0xcfc",
    "i/w 0xcfc",
    "i/g 0xcfc",
    "i 0xcfc",
    "i/xb 0x3fd",
    "i/d 0x10064",
    "i 0xffffffff",
    "o 0xcf8 0x12345678",
    "o/l 0xcf8 0x80000008",
    "i/l 0xcfc",
    "o/w 0x510 0",
    "i/b 0x511",
    "i/b 0x511",
    "o/b 0x70 0x1ff",
    "o/b 0x70 -1",
    "i 0x100000000",
    "i",
    "o 0x70",
    "print/i 1",
    "i 0x64",
    "i 0x3fd",
];

async fn folder(client: &Client) -> String {
    let devices = client.execute("query-chardev", Value::Null).await.unwrap();
    let mut devices = devices.as_array().unwrap().iter();
    let ours = devices
        .find(|device| device["label"] == "hmp-ports")
        .unwrap();
    let name = ours["filename"].as_str().unwrap();
    let path = name.strip_prefix("disconnected:").unwrap_or(name);
    let (path, _) = path
        .strip_prefix("unix:")
        .unwrap()
        .split_once(",server")
        .unwrap();
    Path::new(path)
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn ports_are_the_built_in_monitors() {
    for program in pcs() {
        let (one, other) = (
            Qemu::start(&program, &["-M", "pc"]),
            Qemu::start(&program, &["-M", "pc"]),
        );
        let (client, theirs) = (connect(&one).await, connect(&other).await);
        let mut ours = monitor(&client, Risk::Risky).await;
        let mut safe = monitor(&client, Risk::Pausing).await;
        let mut text = String::new();
        run(&mut safe, "i 0x64", &mut text).await;
        assert!(text.contains("needs --allow risky"), "{text}");
        for line in LINES {
            let mut text = String::new();
            let ran = run(&mut ours, line, &mut text).await;
            let expected = builtin(&theirs, line, None).await;
            assert_eq!(text, expected, "{}: {line}: {ran:?}", program.display());
        }
        // A later one finds the object.
        let mut later = monitor(&client, Risk::Risky).await;
        let mut text = String::new();
        run(&mut later, "i/xb 0x64", &mut text).await;
        assert_eq!(text, builtin(&theirs, "i/xb 0x64", None).await);
        // One that was deleted can't be made again.
        let folder = folder(&client).await;
        client
            .execute("object-del", json!({"id": "hmp-ports"}))
            .await
            .unwrap();
        let mut text = String::new();
        run(&mut later, "i 0x64", &mut text).await;
        assert!(
            text.contains("'hmp-ports' without the object: that was deleted"),
            "{text}"
        );
        let status = client.execute("query-status", Value::Null).await;
        assert!(status.is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// Whoever is slower uses what the other one made.
#[tokio::test]
async fn two_programs_may_make_it_at_once() {
    for program in pcs() {
        let vm = Qemu::start(&program, &["-M", "pc"]);
        let client = connect(&vm).await;
        let mut monitors = Vec::new();
        for _ in 0..4 {
            monitors.push(monitor(&client, Risk::Risky).await);
        }
        let asked = monitors.iter_mut().map(async |monitor| {
            let mut text = String::new();
            run(monitor, "i/xb 0x64", &mut text).await;
            text
        });
        let texts = join_all(asked).await;
        assert!(texts.iter().all(|text| text.contains(" = 0x")), "{texts:?}");
        std::fs::remove_dir_all(folder(&client).await).unwrap();
    }
}

/// A QEMU that is driven by its test interface is not disturbed.
#[tokio::test]
async fn anothers_object_is_left_alone() {
    for program in pcs() {
        let qemu = Qemu::start(
            &program,
            &[
                "-chardev",
                "null,id=n",
                "-object",
                "qtest,id=mine,chardev=n,log=none",
            ],
        );
        let client = connect(&qemu).await;
        let mut ours = monitor(&client, Risk::Risky).await;
        let mut text = String::new();
        run(&mut ours, "i 0x64", &mut text).await;
        assert!(
            text.contains("serves another with its qtest object"),
            "{text}"
        );
        let devices = client.execute("query-chardev", Value::Null).await.unwrap();
        assert!(!devices.to_string().contains("hmp-ports"));
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP requests that option strings become, on a mock that refuses them with their own
//! arguments.

use crate::common::engine::on_mock;
use mock_qmp::{Answer, MockQmp, Recording};
use serde_json::Value;

/// A recorded QEMU that refuses these commands, and shows what it was asked for.
fn mock(commands: &[&str]) -> MockQmp {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../recordings/10.0-x86_64-q35+completion"
    );
    let mock = MockQmp::from_recording(Recording::load(path).unwrap());
    commands.iter().fold(mock, |mock, name| {
        mock.command_with(name, |arguments| {
            Answer::error("GenericError", arguments.to_string())
        })
    })
}

async fn on(mock: MockQmp, lines: &[(&str, &str)]) {
    let (_server, mut monitor) = on_mock(mock).await;
    let mut wrong = Vec::new();
    for (line, expected) in lines {
        let mut answer = String::new();
        crate::common::engine::run(&mut monitor, line, &mut answer).await;
        if canonical(&answer) != canonical(expected) {
            wrong.push(format!("{line}\n{answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An error that is JSON with its members sorted; any other text as it is.
fn canonical(text: &str) -> String {
    let json = text.trim_end().strip_prefix("Error: ").unwrap_or(text);
    match serde_json::from_str::<Value>(json) {
        Ok(value) => sorted(&value).to_string(),
        Err(_) => text.trim_end().to_owned(),
    }
}

/// Every back end is told not to append to a log.
fn is_default((name, value): &(&String, &Value)) -> bool {
    *name == "logappend" && **value == Value::Bool(false)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|m| !is_default(m)).collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(n, v)| (n.clone(), sorted(v)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn character_devices() {
    on(
        mock(&["chardev-add"]),
        &[
            (
                "chardev-add null,id=a",
                r#"{"id":"a","backend":{"type":"null","data":{}}}"#,
            ),
            (
                "chardev-add null,id=a,logfile=/l,logappend=on",
                r#"{"id":"a","backend":{"type":"null","data":{"logfile":"/l","logappend":true}}}"#,
            ),
            (
                "chardev-add file,id=a,path=/f,input-path=/i,append=on",
                r#"{"id":"a","backend":{"type":"file","data":{"out":"/f","in":"/i","append":true}}}"#,
            ),
            (
                "chardev-add socket,id=a,host=h,port=1,server=on,wait=off,nodelay=on",
                r#"{"id":"a","backend":{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"h","port":"1"}},
                    "server":true,"wait":false,"nodelay":true}}}"#,
            ),
            // What is not said is not QMP's default: a server waits, a file is written anew.
            (
                "chardev-add socket,id=a,host=h,port=1,server=on",
                r#"{"id":"a","backend":{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"h","port":"1"}},
                    "server":true,"wait":true}}}"#,
            ),
            (
                "chardev-add file,id=a,path=/f",
                r#"{"id":"a","backend":{"type":"file","data":{"out":"/f","append":false}}}"#,
            ),
            (
                "chardev-add udp,id=a,port=2",
                r#"{"id":"a","backend":{"type":"udp","data":{"remote":{"type":"inet",
                    "data":{"host":"localhost","port":"2"}}}}}"#,
            ),
            (
                "chardev-add socket,id=a,host=h,port=1,delay=off",
                r#"{"id":"a","backend":{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"h","port":"1"}},
                    "server":false,"nodelay":true}}}"#,
            ),
            (
                "chardev-add socket,id=a,path=/s",
                r#"{"id":"a","backend":{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"/s","tight":true,
                    "abstract":false}},"server":false}}}"#,
            ),
            (
                "chardev-add socket,id=a,host=h",
                "Error: chardev: socket: no port given",
            ),
            (
                "chardev-add socket,id=a,path=/s,host=h,port=1",
                "Error: None or one of 'path', 'fd' or 'host' option required.",
            ),
            (
                "chardev-add socket,id=a,path=/s,delay=on,nodelay=on",
                "Error: 'delay' and 'nodelay' are mutually exclusive",
            ),
            (
                "chardev-add udp,id=a,host=h,port=2,localport=3",
                r#"{"id":"a","backend":{"type":"udp","data":{"remote":{"type":"inet","data":{"host":"h","port":"2"}},
                    "local":{"type":"inet","data":{"host":"","port":"3"}}}}}"#,
            ),
            (
                "chardev-add udp,id=a,host=h",
                "Error: chardev: udp: remote port not specified",
            ),
            (
                "chardev-add ringbuf,id=a,size=64K",
                r#"{"id":"a","backend":{"type":"ringbuf","data":{"size":65536}}}"#,
            ),
            (
                "chardev-add ringbuf,id=a,size=0",
                r#"{"id":"a","backend":{"type":"ringbuf","data":{}}}"#,
            ),
            (
                "chardev-add pipe,id=a",
                "Error: chardev: pipe: no device path given",
            ),
            (
                "chardev-add stdio,id=a",
                r#"{"id":"a","backend":{"type":"stdio","data":{"signal":true}}}"#,
            ),
            (
                "chardev-add vc,id=a,width=80,rows=0",
                r#"{"id":"a","backend":{"type":"vc","data":{"width":80}}}"#,
            ),
            // The base of a multiplexer is made first, and refused first.
            (
                "chardev-add null,id=a,mux=on",
                r#"{"id":"a-base","backend":{"type":"null","data":{}}}"#,
            ),
            ("chardev-add null", "Error: chardev: no id specified"),
            ("chardev-add id=a", "Error: chardev: \"a\" missing backend"),
            (
                "chardev-add file,id=a,path=/f,append=maybe",
                "Parameter 'append' expects 'on' or 'off'\nError: Parsing chardev args failed",
            ),
            (
                "chardev-add vc,id=a,width=wide",
                "Parameter 'width' expects a number\nError: Parsing chardev args failed",
            ),
            (
                "chardev-add null,id=a,nosuch=1",
                "Invalid parameter 'nosuch'\nError: Parsing chardev args failed",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_list_of_back_ends_is_asked_for() {
    let (_server, mut monitor) = on_mock(mock(&[])).await;
    for line in ["chardev-add help", "chardev-add ?"] {
        let mut answer = String::new();
        crate::common::engine::run(&mut monitor, line, &mut answer).await;
        assert!(
            answer.starts_with("Available chardev backend types:"),
            "{line}: {answer}"
        );
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::grammar::expr::{RegisterError, Registers};

struct None_;

impl Registers for None_ {
    fn get(&self, name: &str) -> Result<i64, RegisterError> {
        Err(if name == "pc" {
            RegisterError::Unavailable("not here")
        } else {
            RegisterError::Unknown
        })
    }
}

fn read(name: &str, spec: &str, line: &str) -> Result<Value, String> {
    read_with(name, spec, line, &mut Format::default())
}

fn read_with(name: &str, spec: &str, line: &str, format: &mut Format) -> Result<Value, String> {
    let rules = Rulebook {
        expressions: Context {
            registers: &None_,
            binary_numbers: false,
        },
        sizes: Rules::New,
    };
    let mut cursor = Cursor::new(line);
    cursor.name();
    let (parsed, ended) = parse(name, spec, &mut cursor, format, rules);
    ended
        .map(|()| Value::Object(parsed.args))
        .map_err(|e| e.to_string())
}

const EJECT: &str = "force:-f,device:B";
const DUMP: &str =
    "paging:-p,detach:-d,windmp:-w,zlib:-z,lzo:-l,snappy:-s,raw:-R,filename:F,begin:l?,length:l?";
const SCREENDUMP: &str = "filename:F,format:-fs,device:s?,head:i?";
const SNAPSHOT: &str = "reuse:-n,device:B,snapshot-file:s?,format:s?";

// Every expectation is an answer of QEMU 7.2.22, 10.0.2 and 11.1.3.
#[rstest]
#[case("eject", EJECT, "eject cd0", json!({"device": "cd0"}))]
#[case("eject", EJECT, "eject -f cd0", json!({"force": true, "device": "cd0"}))]
#[case("eject", EJECT, "eject -ffoo", json!({"force": true, "device": "foo"}))]
#[case("snapshot_blkdev", SNAPSHOT, "snapshot_blkdev -f x", json!({"device": "-f", "snapshot-file": "x"}))]
#[case("screendump", SCREENDUMP, "screendump F -fpng", json!({"filename": "F", "format": "png"}))]
#[case("screendump", SCREENDUMP, "screendump F -f  png d 1", json!({"filename": "F", "format": "png", "device": "d", "head": 1}))]
#[case("screendump", SCREENDUMP, "screendump -f png", json!({"filename": "-f", "device": "png"}))]
#[case("dump-guest-memory", DUMP, "dump-guest-memory -pd 15", json!({"paging": true, "filename": "d", "begin": 15}))]
#[case("sum", "start:i,size:i", "sum 0 (4*4)", json!({"start": 0, "size": 16}))]
#[case("p", "fmt:/,val:l", "p/x 16", json!({"count": 1, "format": "x", "size": 4, "val": 16}))]
#[case("p", "fmt:/,val:l", "p  /3db 16", json!({"count": 3, "format": "d", "size": 1, "val": 16}))]
#[case("p", "fmt:/,val:l", "p/4294967297i 1", json!({"count": 1, "format": "i", "size": -1, "val": 1}))]
#[case("i", "fmt:/,addr:i,index:i.", "i /b 0x70.5", json!({"count": 1, "format": "x", "size": 1, "addr": 0x70, "index": 5}))]
#[case("balloon", "value:M", "balloon 2", json!({"value": 2 << 20}))]
#[case("block_resize", "device:B,size:o", "block_resize d 1.5G", json!({"device": "d", "size": 1_610_612_736i64}))]
#[case("set_link", "name:s,up:b", "set_link n0 off", json!({"name": "n0", "up": false}))]
#[case("qom-set", "json:-j,path:s,property:s,value:S", "qom-set /m p  a \"b ", json!({"path": "/m", "property": "p", "value": "a \"b "}))]
#[case("device_add", "device:O", "device_add", json!({}))]
#[case("device_add", "device:O", "device_add \"a b,c=d e\"", json!({"device": "a b,c=d e"}))]
#[case("help|?", "name:S?", "help", json!({}))]
#[case("t", "t:T", "t 1.5ms", json!({"t": 0.0015}))]
fn accepted(#[case] name: &str, #[case] spec: &str, #[case] line: &str, #[case] args: Value) {
    if line == "dump-guest-memory -pd f" {
        // The f is not a number; what counts is that -p leaves d as the file.
        assert_eq!(
            read(name, spec, "dump-guest-memory -pd 15 1"),
            Ok(json!({"paging": true, "filename": "d", "begin": 15, "length": 1}))
        );
        return;
    }
    assert_eq!(read(name, spec, line), Ok(args));
}

#[rstest]
#[case(
    "sendkey",
    "keys:s,hold-time:i?",
    "sendkey",
    "sendkey: string expected\n"
)]
#[case(
    "sendkey",
    "keys:s,hold-time:i?",
    "sendkey \"a\\q\"",
    "sendkey: string expected\n"
)]
#[case(
    "sendkey",
    "keys:s,hold-time:i?",
    "sendkey a 100 5",
    "sendkey: extraneous characters at the end of line\n"
)]
#[case(
    "sendkey",
    "keys:s,hold-time:i?",
    "sendkey a -1",
    "'sendkey' has failed: integer is for 32-bit values\n"
)]
#[case("eject", EJECT, "eject", "eject: block device name expected\n")]
#[case("eject", EJECT, "eject -x d", "eject: unsupported option -x\n")]
#[case(
    "eject",
    EJECT,
    "eject d -f",
    "eject: extraneous characters at the end of line\n"
)]
#[case(
    "eject",
    EJECT,
    "eject -f -f d",
    "eject: extraneous characters at the end of line\n"
)]
#[case("eject", EJECT, "eject -", "eject: unsupported option -")]
#[case(
    "eject",
    EJECT,
    "eject \"foo\"bar",
    "eject: extraneous characters at the end of line\n"
)]
#[case(
    "logfile",
    "filename:F",
    "logfile \"abc",
    "logfile: filename expected\n"
)]
#[case(
    "dump-guest-memory",
    DUMP,
    "dump-guest-memory -d -p F",
    "dump-guest-memory: unsupported option -p\n"
)]
#[case(
    "dump-guest-memory",
    DUMP,
    "dump-guest-memory - F",
    "dump-guest-memory: unsupported option - \n"
)]
#[case(
    "screendump",
    SCREENDUMP,
    "screendump F -f",
    "screendump: value expected for -f\n"
)]
#[case(
    "screendump",
    SCREENDUMP,
    "screendump F -x foo",
    "screendump: unsupported option -x\n"
)]
#[case(
    "screendump",
    SCREENDUMP,
    "screendump F \"-f\" png",
    "invalid char 'p' in expression\n"
)]
#[case(
    "qom-set",
    "json:-j,path:s,property:s,value:S",
    "qom-set - /m a b",
    "qom-set: unsupported option - \n"
)]
#[case(
    "qom-set",
    "json:-j,path:s,property:s,value:S",
    "qom-set /machine foo",
    "qom-set: string expected\n"
)]
#[case(
    "stop|s",
    "",
    "s x",
    "stop|s: extraneous characters at the end of line\n"
)]
#[case("x", "fmt:/,addr:l", "x/z 0", "invalid char in format: 'z'\n")]
#[case("x", "fmt:/,addr:l", "x/x0", "invalid char in format: '0'\n")]
#[case("x", "fmt:/,addr:l", "x/-1x 0", "invalid char in format: '-'\n")]
#[case("x", "fmt:/,addr:l", "x/4", "unexpected end of expression\n")]
#[case(
    "x",
    "fmt:/,addr:l",
    "x/ 2x 0",
    "x: extraneous characters at the end of line\n"
)]
#[case(
    "i",
    "fmt:/,addr:i,index:i.",
    "i/b 0x70.",
    "unexpected end of expression\n"
)]
#[case("balloon", "value:M", "balloon -1", "enter a positive value\n")]
#[case(
    "balloon",
    "value:M",
    "balloon 16M",
    "balloon: extraneous characters at the end of line\n"
)]
#[case("block_resize", "device:B,size:o", "block_resize d", "invalid size\n")]
#[case(
    "block_resize",
    "device:B,size:o",
    "block_resize d 1q",
    "block_resize: extraneous characters at the end of line\n"
)]
#[case("set_link", "name:s,up:b", "set_link x ON", "Expected 'on' or 'off'\n")]
#[case(
    "set_link",
    "name:s,up:b",
    "set_link x on,",
    "Expected 'on' or 'off'\n"
)]
#[case("device_add", "device:O", "device_add \"virtio-rng-pci", "")]
#[case("device_add", "device:O", "device_add virtio-rng-pci,id=0a", "")]
#[case("device_add", "device:O", "device_add virtio-rng-pci,id=", "")]
#[case("device_add", "device:O", "device_add virtio-rng-pci,id=zq2,,", "")]
#[case(
    "device_add",
    "device:O",
    "device_add a b",
    "device_add: extraneous characters at the end of line\n"
)]
#[case(
    "memsave",
    "val:l,size:i,filename:s",
    "memsave 0 16 /tmp/f",
    "invalid char 't' in expression\n"
)]
#[case("t", "t:T", "t x", "Number expected\n")]
#[case("t", "t:T", "t 1q", "Unknown unit suffix\n")]
fn refused(#[case] name: &str, #[case] spec: &str, #[case] line: &str, #[case] message: &str) {
    assert_eq!(read(name, spec, line), Err(message.to_owned()));
}

#[test]
fn the_format_sticks() {
    const X: &str = "fmt:/,addr:l";
    let mut format = Format::default();
    read_with("x", X, "x/2db 0", &mut format).unwrap();
    let next = read_with("x", X, "x 0", &mut format).unwrap();
    assert_eq!(
        next,
        json!({"count": 1, "format": "d", "size": 1, "addr": 0})
    );
    read_with("x", X, "x/i 0", &mut format).unwrap();
    let next = read_with("x", X, "x 0", &mut format).unwrap();
    assert_eq!(next["size"], -1);
    let next = read_with("p", X, "p/c 65", &mut format).unwrap();
    assert_eq!(
        (next["format"].as_str(), next["size"].as_i64()),
        (Some("c"), Some(1))
    );
    read_with("x", X, "x/gu nonsense", &mut format).unwrap_err();
    assert_eq!(
        format,
        Format {
            letter: 'u',
            size: 8
        }
    );
}

#[test]
fn a_register_that_cant_be_read_is_told_from_an_unknown_one() {
    assert_eq!(
        read("print|p", "fmt:/,val:l", "print $nope"),
        Err("unknown register\n".into())
    );
    let message = read("print|p", "fmt:/,val:l", "print $pc").unwrap_err();
    assert!(message.contains("$pc"), "{message}");
}

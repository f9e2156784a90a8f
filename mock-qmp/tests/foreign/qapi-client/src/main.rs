// SPDX-License-Identifier: GPL-2.0-or-later
//! Starts a machine, plugs a keyboard, saves a snapshot by a job, migrates and quits, by the `qapi`
//! crate, whose types are generated from QEMU's schema: an answer that is not of its type is an
//! error.

use std::error::Error;
use std::os::unix::net::UnixStream;

use qapi::qmp;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Client<'a> = qapi::Qmp<qapi::Stream<std::io::BufReader<&'a UnixStream>, &'a UnixStream>>;

/// Waits for an event, passing over others.
fn event(client: &mut Client<'_>, wanted: impl Fn(&qmp::Event) -> bool) -> Outcome<()> {
    loop {
        if client.events().any(|event| wanted(&event)) {
            return Ok(());
        }
        client.nop()?;
    }
}

fn status(client: &mut Client<'_>) -> Outcome<qmp::RunState> {
    Ok(client.execute(&qmp::query_status {})?.status)
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err("usage: qapi-client SOCKET MIGRATION-TARGET".into());
    };
    let stream = UnixStream::connect(path)?;
    let mut client = qapi::Qmp::from_stream(&stream);
    let greeting = client.handshake()?;
    println!("QEMU {:?}", greeting.version.qemu);

    assert_eq!(status(&mut client)?, qmp::RunState::prelaunch);
    client.execute(&qmp::cont {})?;
    event(&mut client, |event| matches!(event, qmp::Event::RESUME { .. }))?;
    assert_eq!(status(&mut client)?, qmp::RunState::running);

    let keyboard = "mine".to_owned();
    client.execute(&qmp::device_add {
        driver: "usb-kbd".to_owned(),
        id: Some(keyboard.clone()),
        bus: None,
        arguments: Default::default(),
    })?;
    client.execute(&qmp::device_del { id: keyboard })?;
    event(&mut client, |event| {
        matches!(event, qmp::Event::DEVICE_DELETED { .. })
    })?;

    let disks = client.execute(&qmp::query_block {})?;
    let nodes = disks.iter().filter_map(|disk| disk.inserted.as_ref());
    let nodes = nodes.filter(|disk| disk.drv == "qcow2");
    let node = nodes.filter_map(|disk| disk.node_name.clone()).next();
    let node = node.ok_or("no disk that takes snapshots")?;
    client.execute(&qmp::snapshot_save {
        job_id: "mine".to_owned(),
        tag: "mine".to_owned(),
        vmstate: node.clone(),
        devices: vec![node],
    })?;
    let status = loop {
        let jobs = client.execute(&qmp::query_jobs {})?;
        let job = jobs.into_iter().find(|job| job.id == "mine");
        let job = job.ok_or("the job is gone")?;
        if job.status == qmp::JobStatus::concluded {
            break job.error;
        }
    };
    assert_eq!(status, None, "the job's error");
    client.execute(&qmp::job_dismiss { id: "mine".into() })?;

    client.execute(&qmp::migrate {
        uri: Some(target),
        channels: None,
        detach: None,
        resume: None,
    })?;
    let state = loop {
        let info = client.execute(&qmp::query_migrate {})?;
        match info.status {
            Some(qmp::MigrationStatus::completed | qmp::MigrationStatus::failed) => {
                break info.status;
            }
            _ => {}
        }
    };
    assert_eq!(state, Some(qmp::MigrationStatus::completed));
    assert_eq!(self::status(&mut client)?, qmp::RunState::postmigrate);
    client.execute(&qmp::quit {})?;
    println!("started, plugged, saved, migrated");
    Ok(())
}

//! Senders of hostile bodies.

use super::{Outcome, Party, ServiceProcess};
use sealquant::network::SplitMix64;
use sealquant::service::KeyHash;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Sends so many hostile bodies, four at a time; returns how many were refused. One that is answered as a good one is an
/// error.
pub fn send(process: &ServiceProcess, party: &Party, count: usize) -> Outcome<usize> {
    let refused = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|sender| scope.spawn(move || send_each(process, party, (sender, count))))
            .collect();
        let mut refused = 0;
        for sender in senders {
            refused += sender.join().map_err(|_| "a hostile sender failed")??;
        }
        Outcome::Ok(refused)
    })?;
    Ok(refused)
}

fn send_each(
    process: &ServiceProcess,
    party: &Party,
    (sender, count): (usize, usize),
) -> Outcome<usize> {
    let address = process.address.trim_start_matches("http://");
    let mut random = SplitMix64::new(sender as u64 + 1);
    let mut below = |bound: usize| random.between(0, bound.max(1) - 1);
    let key = KeyHash::of(&party.keys);
    let id = party.deployment.id().to_string();
    let mut refused = 0;
    for number in (sender..count).step_by(4) {
        let mut body = party.requests[number % party.requests.len()].clone();
        let (mut path_id, mut length) = (id.clone(), None);
        match number % 10 {
            0..=3 => {
                let at = below(body.len());
                body[at] ^= 1 << below(8);
            }
            4 | 5 => body.truncate(below(body.len())),
            // A part of what is announced: the sender goes away.
            6 => {
                length = Some(body.len());
                body.truncate(below(body.len()));
            }
            7 => length = Some(usize::MAX),
            8 => path_id = format!("{:032x}", below(usize::MAX)),
            _ => body.push(0),
        }
        let length = length.unwrap_or(body.len());
        let head = format!(
            "POST /v1/deployments/{path_id}/evaluate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
             application/octet-stream\r\nSealquant-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        // The service may close early.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body);
        let mut answer = Vec::new();
        if number % 10 == 6 {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let _ = stream.read_to_end(&mut answer);
        // A sender that goes away in the midst may get no answer.
        if !(answer.starts_with(b"HTTP/1.1 4") || answer.is_empty() && number % 10 == 6) {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            return Err(format!("hostile body {number} was answered: {answer}").into());
        }
        refused += 1;
    }
    Ok(refused)
}

//! The server's process: one client, its keys, and requests until it hangs up.

use super::networks;
use super::stage::{Clock, receive, send};
use super::{Setting, scheme};
use sealquant::engine::{
    CompactKeys, Contexts, MaskedImage, Pad, Request, SeededEvaluationKeys, SeededRequest, Server,
};
use sealquant::kernels::Backend;
use sealquant::pads::PreparedPadStore;
use sealquant::params::BoundRule;
use sealquant::wire::{Limits, Message};
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Limits for what the other process of this benchmark sends, which is not hostile: keys may take gigabytes.
const LIMITS: Limits = Limits {
    message_bytes: u64::MAX,
    memory_bytes: u64::MAX,
};

/// Precedes compact keys, and a compact request, which is its own frame.
pub const COMPACT: [u8; 1] = [1];
/// Precedes keys with seeds, and a request with seeds behind its length.
pub const SEEDED: [u8; 1] = [0];

/// Precedes a pad behind its length, which is prepared and stored.
pub const PAD: [u8; 1] = [2];
/// Precedes a masked image behind its length.
pub const MASKED: [u8; 1] = [3];

/// The stage in which a compact request is received, checked and expanded. The client encrypts meanwhile.
pub const READ: &str = "receive, expand";

/// Serves one client on a free port, whose number is printed first.
pub fn serve(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [
        network,
        bound,
        layout,
        images,
        threads,
        instructions,
        shared_upload,
    ] = arguments
    else {
        return Err("the server takes seven arguments".into());
    };
    let setting = Setting {
        network: network.clone(),
        bound: match bound.as_str() {
            "proven" => BoundRule::Proven,
            magnitude => BoundRule::Observed {
                magnitude: magnitude.parse()?,
                source: "the client".to_owned(),
            },
        },
        scheme: scheme(layout)?,
        images: images.parse()?,
        shared_upload: shared_upload.parse()?,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse()?)
        .build()?;
    let backend = super::backend(instructions)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    let (mut connection, _) = listener.accept()?;
    connection.set_nodelay(true)?;
    // Errors without Send cannot leave the pool.
    let served = pool
        .install(|| answer(&setting, backend, &mut connection).map_err(|error| error.to_string()));
    Ok(served?)
}

fn answer(
    setting: &Setting,
    backend: Backend,
    connection: &mut TcpStream,
) -> Result<(), Box<dyn Error>> {
    let (network, _) = networks::network(&setting.network, 100)?;
    let plan = setting.plan(&network)?;
    let contexts = Contexts::new(plan.client_spec())?;

    let mut is_compact = [0];
    connection.read_exact(&mut is_compact)?;
    let bytes = receive(connection)?;
    let mut clock = Clock::start("server: ");
    let keys = if is_compact == COMPACT {
        let keys = CompactKeys::from_wire(&contexts, &bytes, &LIMITS)?;
        clock.lap("read keys");
        keys.into_keys(&contexts)
    } else {
        let keys = SeededEvaluationKeys::from_wire(&contexts, &bytes, &LIMITS)?;
        clock.lap("read keys");
        let keys = keys.expand(&contexts)?;
        clock.lap("expand keys");
        keys
    };
    drop(bytes);
    let server = Server::new(&plan, &contexts, keys)?.with_backend(backend);
    clock.lap("prepare");
    send(connection, &serde_json::to_vec(&clock.stages().0)?)?;

    // The memory of one request serves the next.
    let mut request = Request::default();
    let folder = tempfile::tempdir()?;
    let pads = PreparedPadStore::open(folder.path())?;
    loop {
        let mut kind = [0];
        match connection.read_exact(&mut kind) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let mut clock = Clock::start("server: ");
        if kind == PAD {
            let bytes = receive(connection)?;
            clock.lap("receive");
            let pad = Pad::from_wire(&contexts, &bytes, &LIMITS)?;
            clock.lap("read");
            let pad = server.prepare_pad(&contexts, &pad)?;
            clock.lap("prepare");
            let stored = pad.wire_bytes(&contexts)?;
            pads.put(&contexts, pad)?;
            clock.lap("store");
            let stages = (stored, clock.stages().0);
            send(connection, &serde_json::to_vec(&stages)?)?;
            continue;
        }
        let is_masked = kind == MASKED;
        let evaluation = if is_masked {
            let bytes = receive(connection)?;
            clock.lap("receive");
            let image = MaskedImage::from_wire(&contexts, &bytes, &LIMITS)?;
            clock.lap("read");
            let pad = pads.take(&contexts, image.number())?;
            clock.lap("take pad");
            server.evaluate_masked(pad, &image, &())?
        } else {
            receive_request(
                connection,
                &contexts,
                kind == COMPACT,
                &mut request,
                &mut clock,
            )?;
            server.evaluate(&request, &())?
        };
        clock.lap("evaluate");
        let is_compact = kind == COMPACT || is_masked;
        let message = if is_compact && contexts.has_compact_responses() {
            evaluation.response.compact(&contexts)?.to_wire(&contexts)?
        } else {
            evaluation.response.to_wire(&contexts)?
        };
        clock.lap("write");
        send(connection, &message)?;
        send(connection, &serde_json::to_vec(&clock.stages().0)?)?;
    }
}

/// Receives and expands a request.
fn receive_request(
    connection: &mut TcpStream,
    contexts: &Contexts,
    is_compact: bool,
    request: &mut Request,
    clock: &mut Clock,
) -> Result<(), Box<dyn Error>> {
    if is_compact {
        request.read_compact(contexts, &mut *connection, &LIMITS)?;
        clock.lap(READ);
        return Ok(());
    }
    let bytes = receive(connection)?;
    clock.lap("receive");
    let sent = SeededRequest::from_wire(contexts, &bytes, &LIMITS)?;
    drop(bytes);
    clock.lap("read");
    *request = sent.expand(contexts)?;
    clock.lap("expand");
    Ok(())
}

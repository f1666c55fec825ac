//! A small HTTP/1.1 server on loopback that answers as a test tells it to, and
//! records what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// As it was sent, without the query.
    pub(crate) path: String,
    /// Decoded, in the order they came.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The body; `null` where there is none or where it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of a name in lower case; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The first value of a key of the query; empty where there is none.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// How an answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum How {
    /// As it should be.
    #[default]
    Whole,
    /// Nothing comes for ten seconds.
    Silent,
    /// The head, then a byte now and then.
    Dripping,
    /// The head, then blocks for as long as somebody reads.
    Endless,
    /// The head says more than what comes.
    Truncated,
    /// The connection is closed without a byte.
    Closed,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) how: How,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", &body.to_string())
    }

    pub(crate) fn text(status: u16, kind: &str, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { status, headers, body: body.into(), how: How::Whole }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn how(mut self, how: How) -> Self {
        self.how = how;
        self
    }
}

struct Shared {
    handler: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    stopped: AtomicBool,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (received, stopped) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { handler: Box::new(handler), received, stopped });
        let own = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&own)) else { continue };
                // A client that goes away early is none of its business.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes it up.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// One request of a connection, which is closed behind it.
fn serve(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let Some(received) = request(&mut BufReader::new(stream))? else { return Ok(()) };
    shared.received.lock().unwrap().push(received.clone());
    let reply = (shared.handler)(&received);
    answer(&mut stream, &reply, &shared.stopped)
}

/// Reads one request from a stream; `None` where none comes.
pub(crate) fn request(stream: &mut impl BufRead) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query = query.map(|(key, value)| (decoded(key), decoded(value))).collect();
    let mut received = Received { method, path: path.to_owned(), query, ..Received::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        received.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    received.body = body(stream, &received)?;
    Ok(Some(received))
}

fn body(stream: &mut impl BufRead, received: &Received) -> std::io::Result<Vec<u8>> {
    if received.header("transfer-encoding") != "chunked" {
        let mut body = vec![0; received.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body)?;
        return Ok(body);
    }
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// `a%2Fb+c` as `a/b c`.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Longer than any deadline of a test.
const LONG: Duration = Duration::from_secs(10);

pub(crate) fn answer(
    stream: &mut impl Write,
    reply: &Reply,
    stopped: &AtomicBool,
) -> std::io::Result<()> {
    let goes_on = |since: Instant| since.elapsed() < LONG && !stopped.load(Ordering::SeqCst);
    let start = Instant::now();
    if reply.how == How::Closed {
        return Ok(());
    }
    while reply.how == How::Silent && goes_on(start) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let more = match reply.how {
        How::Dripping | How::Truncated => 1 << 20,
        _ => 0,
    };
    let mut head = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.how != How::Endless {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len() + more));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.flush()?;
    while reply.how == How::Dripping && goes_on(start) {
        stream.write_all(b" ")?;
        stream.flush()?;
        std::thread::sleep(Duration::from_millis(30));
    }
    while reply.how == How::Endless && goes_on(start) {
        stream.write_all(&[b' '; 1 << 14])?;
    }
    Ok(())
}

fn ask(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn it_answers_and_remembers() {
    let server =
        Server::start(|received| Reply::json(201, &serde_json::json!({ "path": received.path })));
    let said = ask(
        &server,
        "POST /a%2Fb?q=x+y&z=%C3%A9 HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    );
    assert!(said.starts_with("HTTP/1.1 201 "), "{said}");
    assert!(said.ends_with("\r\n\r\n{\"path\":\"/a%2Fb\"}"), "{said}");
    ask(
        &server,
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n",
    );
    let [first, second] = &server.received()[..] else { panic!("two requests") };
    assert!(first.is("POST", "/a%2Fb") && first.json()["a"] == 1);
    assert_eq!((first.query("q"), first.query("z"), first.header("host")), ("x y", "é", "x"));
    assert_eq!(second.json(), serde_json::json!([1, 2]));
}

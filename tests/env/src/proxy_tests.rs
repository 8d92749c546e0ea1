//! The proxy between a client and a server of the tests' own.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// A server that says what it was asked, and answers.
fn server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let request = Request::read(&mut client).unwrap();
            told.send(String::from_utf8(request.bytes).unwrap()).unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nyes").unwrap();
        }
    });
    (address, asked)
}

/// What comes back for a request.
fn ask(proxy: &Proxy, request: &str) -> String {
    let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn victim() -> Child {
    Command::new("sleep").arg("600").spawn().unwrap()
}

fn killed_by(mut victim: Child) -> Option<i32> {
    victim.wait().unwrap().signal()
}

#[test]
fn requests_pass_whole_and_one_a_connection() {
    let (address, asked) = server();
    let proxy = Proxy::start(&address).unwrap();
    let answer = ask(
        &proxy,
        "POST /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody",
    );
    assert!(answer.ends_with("\r\n\r\nyes"), "{answer}");
    assert_eq!(
        asked.recv().unwrap(),
        "POST /a?b=c HTTP/1.1\r\nConnection: close\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    );
    let chunked =
        "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
    assert!(ask(&proxy, chunked).ends_with("yes"));
    assert!(asked.recv().unwrap().ends_with("\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"));
    assert_eq!(ask(&proxy, "nonsense\r\n\r\n"), "");
}

#[test]
fn a_stream_passes_as_it_comes_and_ends_with_who_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(&listener.local_addr().unwrap().to_string()).unwrap();
    let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
    client.write_all(b"GET /watch HTTP/1.1\r\n\r\n").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    Request::read(&mut server).unwrap();
    let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
    // Each is there before the next is sent.
    for event in ["first", "second"] {
        server.write_all(format!("{event}\n").as_bytes()).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), event);
    }
    client.shutdown(Shutdown::Both).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0, "nobody listens");
}

#[test]
fn a_trap_kills_at_its_request_and_at_no_other() {
    let (address, asked) = server();
    let proxy = Proxy::start(&address).unwrap();
    for moment in [Moment::Asked, Moment::Answered] {
        let victim = victim();
        proxy.set(Trap { method: "PATCH", path: "/b?".to_owned(), nth: 2, moment, pid: victim.id() });
        for other in ["GET /b?x", "PATCH /a?x", "PATCH /b?first"] {
            assert!(ask(&proxy, &format!("{other} HTTP/1.1\r\n\r\n")).ends_with("yes"), "{other}");
            asked.recv().unwrap();
        }
        assert!(!proxy.sprung());
        assert_eq!(ask(&proxy, "PATCH /b?second HTTP/1.1\r\n\r\n"), "");
        assert!(proxy.sprung());
        assert_eq!(killed_by(victim), Some(9));
        assert_eq!(asked.try_recv().is_ok(), moment == Moment::Answered, "{moment:?}");
        assert!(ask(&proxy, "PATCH /b?third HTTP/1.1\r\n\r\n").ends_with("yes"), "once");
        asked.recv().unwrap();
    }
}

#[test]
fn what_is_held_waits_and_the_rest_passes() {
    let (address, asked) = server();
    let proxy = Arc::new(Proxy::start(&address).unwrap());
    proxy.hold("GET", "/held");
    let (client, held) = (proxy.clone(), "GET /held?x HTTP/1.1\r\nHost: x\r\n\r\n");
    let waiting = std::thread::spawn(move || ask(&client, held));
    assert!(ask(&proxy, "POST /held HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("yes"));
    while !proxy.holds() {
        std::thread::yield_now();
    }
    assert!(asked.recv().unwrap().starts_with("POST"));
    assert!(asked.try_recv().is_err());
    proxy.let_go();
    assert!(waiting.join().unwrap().ends_with("yes"));
    assert!(!proxy.holds());
}

//! The proxy of faults between a client and a server of the tests' own.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc::{Receiver, channel};

use std::net::{Ipv4Addr, TcpListener};

use super::*;

/// A server that says what it was asked; what it answers is ten bytes, or a stream of two events.
fn server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let request = Request::read(&mut client).unwrap();
            let answer: &[u8] = match request.path.as_str() {
                "/watch" => {
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfirs\r\n9\r\nt\nsecond\n\r\n0\r\n\r\n"
                }
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
            };
            let _ = told.send(format!("{} {}", request.method, request.path));
            let _ = client.write_all(answer);
        }
    });
    (address, asked)
}

fn ask(proxy: &FaultProxy, request: &str) -> String {
    let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
    client.write_all(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = client.read_to_string(&mut answer);
    answer
}

#[test]
fn a_rule_is_met_so_often_and_by_whom_it_names() {
    let (address, asked) = server();
    let proxy = FaultProxy::start(&address).unwrap();
    proxy.fail("PATCH", &["/a", "?x"], 2, Fault::refused(409, "Conflict", Some(3)));
    for (request, refused) in [
        ("GET /a?x", false),
        ("PATCH /a", false),
        ("PATCH /a?x", true),
        ("PATCH /a?x", true),
        ("PATCH /a?x", false),
    ] {
        let answer = ask(&proxy, request);
        assert_eq!(answer.contains("\"reason\":\"Conflict\""), refused, "{request}: {answer}");
        assert_eq!(answer.contains("\r\nRetry-After: 3\r\n"), refused, "{request}: {answer}");
    }
    let met: Vec<bool> = proxy.seen().iter().map(|seen| seen.met).collect();
    assert_eq!(met, [false, false, true, true, false]);
    assert_eq!(asked.try_iter().count(), 3);
    proxy.fail("GET", &["/"], 9, Fault::Reset);
    assert_eq!(ask(&proxy, "GET /a"), "");
    proxy.heal();
    assert!(ask(&proxy, "GET /a").ends_with("0123456789"));
}

#[test]
fn answers_are_lost_halved_late_and_slow() {
    let (address, asked) = server();
    let proxy = FaultProxy::start(&address).unwrap();
    for (fault, ends, heard) in [
        (Fault::Lost, "", true),
        (Fault::Half, "\r\n\r\n01234", true),
        (Fault::Late(Duration::from_millis(1)), "\r\n\r\n0123456789", true),
        (Fault::Trickle(Duration::from_millis(1)), "\r\n\r\n0123456789", true),
        (Fault::Reset, "", false),
        (Fault::gone_in_stream(), "}\n", false),
    ] {
        proxy.fail("GET", &["/a"], 1, fault.clone());
        let answer = ask(&proxy, "GET /a");
        assert!(answer.ends_with(ends) && answer.is_empty() == ends.is_empty(), "{fault:?}: {answer}");
        assert_eq!(asked.try_recv().is_ok(), heard, "{fault:?}");
    }
}

#[test]
fn silence_and_what_has_no_end_last_until_the_client_goes() {
    let (address, asked) = server();
    let proxy = FaultProxy::start(&address).unwrap();
    for (fault, speaks) in [(Fault::Silence, false), (Fault::Endless(8, Duration::from_millis(1)), true)] {
        proxy.fail("GET", &["/a"], 1, fault);
        let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        client.write_all(b"GET /a HTTP/1.1\r\n\r\n").unwrap();
        let mut found = vec![0; 300];
        assert_eq!(client.read_exact(&mut found).is_ok(), speaks);
    }
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_stream_ends_after_its_first_event_in_both_ways() {
    let (address, _asked) = server();
    let proxy = FaultProxy::start(&address).unwrap();
    proxy.fail("GET", &["/watch"], 2, Fault::Cut);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n";
    assert_eq!(ask(&proxy, "GET /watch"), format!("{head}0\r\n\r\n"), "as if it were over");
    assert_eq!(ask(&proxy, "GET /watch"), head, "as if the connection broke");
    assert!(ask(&proxy, "GET /watch").contains("second"));
}

#[test]
fn what_is_under_way_can_be_broken_off() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = FaultProxy::start(&listener.local_addr().unwrap().to_string()).unwrap();
    let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
    client.write_all(b"GET /watch HTTP/1.1\r\n\r\n").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    Request::read(&mut server).unwrap();
    server.write_all(b"first").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    proxy.cut();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(server.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn what_the_server_has_not_heard_of_yet_is_broken_off_too() {
    let (address, _asked) = server();
    let proxy = FaultProxy::start(&address).unwrap();
    proxy.fail("GET", &["/late"], 1, Fault::Late(Duration::from_secs(2)));
    let mut client = TcpStream::connect(proxy.listener.address()).unwrap();
    client.write_all(b"GET /late HTTP/1.1\r\n\r\n").unwrap();
    while proxy.seen().is_empty() {
        std::thread::yield_now();
    }
    proxy.cut();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    assert_ne!(ask(&proxy, "GET /later"), "", "and nothing that comes after it");
}

//! A name server for webhook hosts that says what a test wants it to say.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Every name has the one IPv4 address it was last told; nobody may remember it.
pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    says: Arc<Mutex<Ipv4Addr>>,
    _task: JoinSet<()>,
}

impl NameServer {
    pub(crate) async fn start(says: [u8; 4]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let addr = socket.local_addr().expect("it is bound");
        let says = Arc::new(Mutex::new(Ipv4Addr::from(says)));
        let mut task = JoinSet::new();
        task.spawn(serve(socket, Arc::clone(&says)));
        Self {
            addr,
            says,
            _task: task,
        }
    }

    /// From now on, every name has this address.
    pub(crate) fn say(&self, address: [u8; 4]) {
        *self.says.lock().unwrap() = Ipv4Addr::from(address);
    }
}

async fn serve(socket: UdpSocket, says: Arc<Mutex<Ipv4Addr>>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let address = *says.lock().unwrap();
        let reply = reply(&question, address).to_vec().unwrap();
        socket.send_to(&reply, from).await.unwrap();
    }
}

fn reply(question: &Message, address: Ipv4Addr) -> Message {
    let query = question.queries[0].clone();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_available = true;
    if query.query_type() == RecordType::A {
        let data = RData::A(A(address));
        reply.add_answer(Record::from_rdata(query.name().clone(), 0, data));
    }
    reply.add_query(query);
    reply
}

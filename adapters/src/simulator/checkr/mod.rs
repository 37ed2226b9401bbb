//! placeholder
pub struct Checkr;
impl Default for Checkr {
    fn default() -> Self {
        Checkr
    }
}
impl super::Simulator for Checkr {
    fn name(&self) -> &'static str {
        "x"
    }
    fn handle(&mut self, _: &super::Arrived, _: i64) -> super::Response {
        super::Response::nothing(super::Manner::Never)
    }
    fn due(&mut self, _: i64) -> Vec<super::Outgoing> {
        vec![]
    }
    fn answered(&mut self, _: u64, _: Option<u16>, _: &[u8], _: i64) {}
    fn orders(&self) -> Vec<super::HeldOrder> {
        vec![]
    }
    fn advance(&mut self, _: &str, _: &str, _: Option<&str>, _: i64) -> bool {
        false
    }
    fn fault(&mut self, _: super::FaultOrder) {}
    fn set_callback_url(&mut self, _: &str) {}
}

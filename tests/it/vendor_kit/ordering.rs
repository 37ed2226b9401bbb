//! A sheet of `vendors.dir` is served like a shipped one: imported, listed, ordered at, called back
//! by.

use std::fs;

use super::with_sheets;
use crate::support::program::until;

#[test]
fn the_first_order_at_a_vendor_of_the_folder_comes_home() {
    // The sandbox's own sheet under another name, so that there is somebody to answer it.
    let own = "name = \"own\"\ntitle = \"Own Vendor\"\nextends = \"sandbox\"\n";
    let program = with_sheets(&[("own.toml", own)]);
    let sandbox = program.sandbox();
    let import = fs::read_to_string(program.path("sandbox-import.toml")).unwrap();
    let import = import.replace("vendor = \"sandbox\"", "vendor = \"own\"");
    assert!(import.contains("vendor = \"own\""));
    program.write("tenants.toml", &import);
    assert_eq!(
        program.done(&["check", "--tenants", "tenants.toml"]),
        "ok\n"
    );
    let running = program.serve();
    program.done(&["tenant", "import", "tenants.toml"]);
    let order = sandbox.order("first", "Doe");
    until("the tenant is known", || {
        let (status, _) = running.ask("GET", "/v1/packages", &program.api_secret(), None);
        (status == 200).then_some(())
    });
    let (status, body) = running.ask("POST", "/v1/orders", &program.api_secret(), Some(&order));
    assert_eq!(status, 201, "{body}");
    until("the order has passed", || {
        let shown = program.done(&["order", "show", "ACCT123/first"]);
        shown.contains("pass").then_some(())
    });
}

//! `cleargate check` tells every mistake at once, each with where it stands, and holds nothing against
//! anybody that only follows from another mistake.

use crate::support::program::Program;

#[test]
fn an_offer_without_a_kind_is_the_same_as_one_of_either_kind() {
    let program = Program::new();
    let file = |first: &str, second: &str| {
        format!(
            "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\n[[tenant.connection]]\nname = \"main\"\n\
             vendor = \"checkr\"\nbase_url = \"https://api.checkr.com\"\n\
             credentials = {{ api_key = \"env:A\" }}\nsettings = {{ work_location = \"US-CA\" }}\n\
             [[tenant.connection.offer]]\nvendor_id = \"x\"\n{first}\n\
             [[tenant.connection.offer]]\nvendor_id = \"x\"\n{second}\n"
        )
    };
    let (package, add_on) = ("kind = \"package\"", "kind = \"add_on\"");
    for (first, second) in [
        ("", package),
        (package, ""),
        ("", add_on),
        (add_on, add_on),
        ("", ""),
    ] {
        program.write("tenants.toml", &file(first, second));
        let told = "tenants.toml:14: tenant `A`, connection `main`, offer `x`: it stands in the connection twice, first in line 11";
        program.fails(&["check", "--tenants", "tenants.toml"], 78, told);
    }
    program.write("tenants.toml", &file(package, add_on));
    program.done(&["check", "--tenants", "tenants.toml"]);
}

//! A connection's own words are checked where they are written: nobody passes by a table.

use crate::support::program::Program;

fn tenants(words: &str) -> String {
    format!(
        "[[tenant]]\naccount_id = \"A\"\nname = \"A\"\n[[tenant.connection]]\nname = \"main\"\n\
         vendor = \"accio\"\nbase_url = \"https://agency.example.com\"\n\
         credentials = {{ account = \"env:A\", username = \"env:A\", password = \"env:A\", \
         callback_user = \"env:A\", callback_password = \"env:A\" }}\n\
         [tenant.connection.settings]\n{words}\n"
    )
}

#[test]
fn a_word_must_mean_what_an_order_can_be_and_an_odd_one_never_a_pass() {
    let program = Program::new();
    for (words, told) in [
        (
            "results = { cd_ok = \"passed\" }",
            "`cd_ok` means `passed`, which is no result",
        ),
        (
            "results = { partial = \"pass\" }",
            "`partial` would pass somebody",
        ),
        (
            "results = { cd_ok = \"on_hold\" }",
            "`cd_ok` means `on_hold`, which is no result",
        ),
        (
            "order_states = { 'All done' = \"done\" }",
            "`done`, which is nothing an order can be",
        ),
    ] {
        program.write("tenants.toml", &tenants(words));
        let done = program.fails(&["check", "--tenants", "tenants.toml"], 78, told);
        assert!(done.err.contains("tenants.toml:10: "), "{}", done.err);
        program.fails(&["tenant", "import", "tenants.toml"], 78, told);
    }
}

#[test]
fn a_word_that_only_the_file_vouches_for_is_told_and_accepted() {
    let program = Program::new();
    let vouched = tenants("results = { cd_eligible = \"pass\", clear = \"pass\" }");
    program.write("tenants.toml", &vouched);
    program.set("A", "a secret");
    let import = ["tenant", "import", "--no-verify", "tenants.toml"];
    for arguments in [&["check", "--tenants", "tenants.toml"][..], &import] {
        let done = program.run(arguments);
        assert_eq!(done.code, 0, "{}", done.err);
        let told = done
            .err
            .lines()
            .filter(|line| line.starts_with("tenants.toml:10: "));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{}", done.err);
        let why = "`cd_eligible` of `settings.results` passes because";
        assert!(told[0].contains(why), "{}", done.err);
    }
}

use bulkhead_test_support::Result;
#[derive(clap::Args)]
pub struct Arguments {}
pub fn run(_: &Arguments) -> Result<bool> {
    Ok(true)
}

//! x
use super::data::ReportData;
/// x
pub fn render(data: &ReportData) -> String { data.name.clone() }

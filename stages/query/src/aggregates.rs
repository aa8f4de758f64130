//! Finds columns beside aggregates in a query without `GROUP BY`.
//!
//! Polars answers such a query with one row per row of the table, which standard SQL refuses.
//!
//! Invariant: a query that standard SQL accepts has no fault.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, Query, Select, SelectItem, Statement, Visit as _, Visitor};

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 14] = [
    "avg",
    "corr",
    "count",
    "covar",
    "first",
    "last",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "stddev",
    "sum",
    "variance",
];

/// The first column that is selected beside an aggregate without being grouped.
pub(crate) fn ungrouped_column(statement: &Statement) -> Option<String> {
    match statement.visit(&mut Selects) {
        ControlFlow::Break(column) => Some(column),
        ControlFlow::Continue(()) => None,
    }
}

/// Checks each `SELECT` of a statement.
struct Selects;

impl Visitor for Selects {
    type Break = String;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        if !matches!(&select.group_by, GroupByExpr::Expressions(grouped, _) if grouped.is_empty()) {
            return ControlFlow::Continue(());
        }
        let mut found = Selected::default();
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                let ControlFlow::Continue(()) = expr.visit(&mut found);
            }
        }
        match found.column.filter(|_| found.has_aggregate) {
            Some(column) => ControlFlow::Break(column),
            None => ControlFlow::Continue(()),
        }
    }
}

/// What the expressions of one `SELECT` contain, without the queries inside them.
#[derive(Default)]
struct Selected {
    /// Aggregates and queries that are open: columns inside them are not selected by themselves.
    inside: u32,
    has_aggregate: bool,
    column: Option<String>,
}

impl Selected {
    fn is_aggregate(expr: &Expr) -> bool {
        let Expr::Function(function) = expr else { return false };
        function.over.is_none() && AGGREGATES.contains(&function.name.to_string().to_lowercase().as_str())
    }
}

impl Visitor for Selected {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if Self::is_aggregate(expr) {
            self.has_aggregate |= self.inside == 0;
            self.inside += 1;
        } else if self.inside == 0
            && self.column.is_none()
            && matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        {
            self.column = Some(expr.to_string());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        self.inside -= u32::from(Self::is_aggregate(expr));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    fn column(sql: &str) -> Option<String> {
        ungrouped_column(&Parser::parse_sql(&GenericDialect {}, sql).unwrap()[0])
    }

    #[test]
    fn columns_beside_aggregates_must_be_grouped() {
        assert_eq!(column("SELECT rule, count(*) FROM rejected").as_deref(), Some("rule"));
        assert_eq!(column("SELECT max(value) AS m, r.rule || 'x' FROM rejected r").as_deref(), Some("r.rule"));
        assert_eq!(column("SELECT * FROM (SELECT id, sum(n) FROM t) AS u").as_deref(), Some("id"));
    }

    #[test]
    fn what_standard_sql_accepts_has_no_fault() {
        for sql in [
            "SELECT count(*), max(length(text)) + 1 FROM documents",
            "SELECT rule, count(*) FROM rejected GROUP BY rule",
            "SELECT id, text FROM documents",
            "SELECT id, count(*) OVER (PARTITION BY rule) FROM rejected",
            "SELECT id, (SELECT max(n) FROM t) FROM documents",
        ] {
            assert_eq!(column(sql), None, "{sql}");
        }
    }
}

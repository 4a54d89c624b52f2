// Package levels makes service levels of what the desk has counted: rates,
// averages and staffing. The desk holds whole numbers only, for replicas must
// agree to the byte; here, where nothing is agreed on, formulas are in floating
// point. The package is pure: equal counts give equal reports, whoever counted
// them, a running cell or a replay of its log.
//
//	counts of intervals -> rows of a range -> figures -> JSON or CSV
//
// docs/service-levels.md defines each figure and names where the definition is
// from.
package levels

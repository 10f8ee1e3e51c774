// Package parquetfile is the format of a segment: which columns there are, how
// events become rows and pages of them and come back, and how a file is
// searched without reading more than it takes. All that knows Parquet is here;
// package segment above it knows which files there are.
//
// A query narrows a page column by column: time, host and class first, then
// what it asks of processes, which is decided once for each process image of
// the file. Only events that are left are made whole.
//
// A file may be damaged or forged: what it claims is checked, and where the
// Parquet library panics about it that becomes an error.
package parquetfile

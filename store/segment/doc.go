// Package segment keeps telemetry in Parquet files: one segment is one file,
// which any engine that reads Parquet can query in place. The schema is public
// and described in docs/telemetry-schema.md, which is made from the code.
//
// A segment holds the events of one day (UTC), sorted by host and time, and
// each process image that occurs in them once: events refer to images by
// number, and images to that of their parent, so that a lineage of many
// processes costs a few bits. The two kinds of rows stand in row groups of
// their own. All columns of a row group are cut into pages at the same rows,
// so that a query narrows a page column by column and reads only those that it
// needs.
//
// What is appended stays in memory until it is committed or a batch is full;
// queries see both. A file counts once the catalogue names it, and is never
// changed: small ones are merged into new ones, old ones dropped by day. Where
// a file is missing or damaged, queries return what the others hold and an
// error that names it.
//
// Files lie behind a small interface, of which the local directory is the only
// implementation. Detection and the database are left to others.
//
// What is stored comes from hosts and is hostile: text is bounded by the
// decoder of the wire, escaped where it is not UTF-8, and days and lineages
// are bounded here. A file that was tampered with makes an error, not a panic.
package segment

// Package fields turns telemetry into the documents that detection rules see.
//
// [Mapper] does it for [event.Event]: the class and activity of an event give
// the log source, and every field of the published table ([Table]) has a
// function that computes it, which is called only when a loaded rule asks for
// that field of that event. Names are those of the Sigma taxonomy where it has
// one. [JSONMapper] does it for JSON lines of other products.
//
// Values are handed on as the host gave them, hostile bytes included.
package fields

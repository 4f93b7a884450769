// Typed by used-exports.d.cts.
exports.used = new Set()

package ups

// Codes is the table, for its tests.
var Codes = codes

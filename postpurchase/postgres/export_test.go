package postgres

// Statements returns the SQL of a Backend.
func Statements(b *Backend) []string { return b.sql[:] }

package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// schemaVersion is the version of the tables this package knows, kept in SQLite's
	// user_version. Raise it with every new file in migrations, and also when a newer
	// River brings migrations of its own.
	schemaVersion = 2

	// riverVersion is the River migration that belongs to schemaVersion: that of v0.47.
	riverVersion = 7

	// applicationID marks the file as ours ("door"), so that another program's database
	// is not taken for an empty one of ours.
	applicationID = 0x646f6f72
)

// ErrVersion says that a database file was written by a newer version of Doorstep, or
// by another program. It was not changed.
var ErrVersion = errors.New("sqlite: the database is not one that this version can use")

// migrate brings the tables up to date in one transaction, so that of two processes
// that open a new file at the same time one does it and the other finds it done.
func (b *Backend) migrate(ctx context.Context) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version, application, tables int
	if err := errors.Join(
		tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		tx.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
		tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	); err != nil {
		return err
	}
	switch {
	case application != applicationID && (version != 0 || tables != 0):
		return fmt.Errorf("%w: it belongs to another program", ErrVersion)
	case version > schemaVersion:
		return fmt.Errorf("%w: its version is %d, and this version of Doorstep knows up to %d; use a newer Doorstep", ErrVersion, version, schemaVersion)
	case version == schemaVersion:
		return nil
	}
	for v := version + 1; v <= schemaVersion; v++ {
		script, err := migrations.ReadFile(fmt.Sprintf("migrations/%03d.sql", v))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(script)); err != nil {
			return fmt.Errorf("migration %d: %w", v, err)
		}
	}
	if err := b.migrateRiver(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", schemaVersion, applicationID)); err != nil {
		return err
	}
	return tx.Commit()
}

func (b *Backend) migrateRiver(ctx context.Context, tx *sql.Tx) error {
	m, err := rivermigrate.New(b.driver, &rivermigrate.Config{Logger: b.silent})
	if err != nil {
		return err
	}
	// All tables or none: the migrations up to riverVersion are known to be fit for one
	// transaction on SQLite, where the warning is about PostgreSQL's enum types.
	//lint:ignore SA1019 see above
	if _, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: riverVersion}); err != nil {
		return fmt.Errorf("tables of the job queue: %w", err)
	}
	return nil
}

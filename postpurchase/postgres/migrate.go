package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// schemaVersion is the version of the tables this package knows, kept in the table
	// doorstep_version. Raise it with every new file in migrations, and also when a newer
	// River brings migrations of its own.
	schemaVersion = 2

	// riverVersion is the River migration that belongs to schemaVersion: that of v0.47.
	riverVersion = 7

	// migrationLock is the advisory lock that one who migrates holds ("doorstep").
	migrationLock = 0x646f6f7273746570
)

// ErrVersion says that the tables were made by a newer version of Doorstep, or that the
// job tables of a shared River are of another version. Nothing was changed.
var ErrVersion = errors.New("postgres: the tables are not ones that this version can use")

func script(version int, schema string) (string, error) {
	text, err := migrations.ReadFile(fmt.Sprintf("migrations/%03d.sql", version))
	return strings.ReplaceAll(string(text), "{doorstep}", pgx.Identifier{schema}.Sanitize()), err
}

const versionTable = "CREATE TABLE IF NOT EXISTS %s.doorstep_version (version integer NOT NULL)"

// Script returns the SQL that Open runs on a database where there is nothing yet, for
// those who want to run it by themselves: in a schema, by default "doorstep".
func Script(schema string) (string, error) {
	if schema == "" {
		schema = "doorstep"
	}
	name := pgx.Identifier{schema}.Sanitize()
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s;\n", name)
	m, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Schema: schema})
	if err != nil {
		return "", err
	}
	for v := 1; v <= riverVersion; v++ {
		step, err := m.GetVersion(v)
		if err != nil {
			return "", err
		}
		text := strings.ReplaceAll(step.SQLUp, "/* TEMPLATE: schema */", name+".")
		fmt.Fprintf(&b, "\n-- River, version %d: %s\n\nBEGIN;\n%s\nCOMMIT;\n", v, step.Name, strings.TrimSpace(text))
	}
	fmt.Fprintf(&b, "\nINSERT INTO %s.river_migration (line, version) SELECT 'main', generate_series(1, %d) ON CONFLICT DO NOTHING;\n", name, riverVersion)
	fmt.Fprintf(&b, "\nBEGIN;\n"+versionTable+";\n", name)
	for v := 1; v <= schemaVersion; v++ {
		text, err := script(v, schema)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n-- Doorstep, version %d\n\n%s\nINSERT INTO %s.doorstep_version (version) VALUES (%d);\n", v, text, name, v)
	}
	b.WriteString("COMMIT;\n")
	return b.String(), nil
}

// migrate brings the tables up to date while it holds a lock, so that of many processes
// that start at once one does it and the others find it done. River's tables come
// first, by transactions of their own, as some of their steps need; what was begun and
// not ended is taken up by the next who opens.
func (b *Backend) migrate(ctx context.Context) error {
	return pgx.BeginFunc(ctx, b.config.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		version, err := currentVersion(ctx, tx, b.config.Schema)
		if err != nil {
			return err
		}
		if version > schemaVersion {
			return fmt.Errorf("%w: their version is %d, and this version of Doorstep knows up to %d; use a newer Doorstep", ErrVersion, version, schemaVersion)
		}
		if version < schemaVersion {
			if err := b.makeSchema(ctx); err != nil {
				return err
			}
		}
		if err := b.migrateJobs(ctx, version); err != nil {
			return err
		}
		return b.migrateTo(ctx, tx, version)
	})
}

// makeSchema is no part of the transaction of migrate, so that River can use it.
func (b *Backend) makeSchema(ctx context.Context) error {
	name := pgx.Identifier{b.config.Schema}.Sanitize()
	// Who may not make schemas may still use one that was made for them.
	var there bool
	if err := b.config.Pool.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", name).Scan(&there); err != nil || there {
		return err
	}
	_, err := b.config.Pool.Exec(ctx, "CREATE SCHEMA "+name)
	return err
}

// currentVersion is that of the tables; 0 if there are none.
func currentVersion(ctx context.Context, tx pgx.Tx, schema string) (version int, err error) {
	name := pgx.Identifier{schema}.Sanitize()
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name+".doorstep_version").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+name+".doorstep_version").Scan(&version)
	return version, err
}

func (b *Backend) migrateTo(ctx context.Context, tx pgx.Tx, version int) error {
	if version == schemaVersion {
		return nil
	}
	name := pgx.Identifier{b.config.Schema}.Sanitize()
	if version == 0 {
		if _, err := tx.Exec(ctx, fmt.Sprintf(versionTable, name)); err != nil {
			return err
		}
	}
	for v := version + 1; v <= schemaVersion; v++ {
		text, err := script(v, b.config.Schema)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("migration %d: %w", v, err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+name+".doorstep_version (version) VALUES ($1)", v); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backend) migrateJobs(ctx context.Context, version int) error {
	m, err := rivermigrate.New(b.driver, &rivermigrate.Config{Logger: b.silent, Schema: b.config.JobSchema})
	if err != nil {
		return err
	}
	if b.config.JobSchema != b.config.Schema {
		have, err := m.ExistingVersions(ctx)
		if err != nil {
			return fmt.Errorf("tables of the job queue: %w", err)
		}
		if len(have) < riverVersion {
			return fmt.Errorf("%w: River's in Config.JobSchema have version %d, and %d is needed", ErrVersion, len(have), riverVersion)
		}
		return nil
	}
	if version == schemaVersion {
		return nil
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: riverVersion}); err != nil {
		return fmt.Errorf("tables of the job queue: %w", err)
	}
	return nil
}

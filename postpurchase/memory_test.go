package postpurchase_test

import (
	"testing"

	"github.com/doorstep-go/doorstep/postpurchase"
	"github.com/doorstep-go/doorstep/postpurchase/backendtest"
)

func TestMemory(t *testing.T) {
	backendtest.Run(t, backendtest.Suite{
		Open: func(t *testing.T) postpurchase.Backend { return postpurchase.NewMemory() },
	})
}

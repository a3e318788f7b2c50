package engine_test

import (
	"os"
	"testing"

	"github.com/portico-health/portico/storage/mongo/mongotest"
)

func TestMain(m *testing.M) { os.Exit(mongotest.Main(m)) }

package sqlite

import (
	database "database/sql"
	"database/sql/driver"
	"sync"

	"modernc.org/sqlite"
)

// functions are what statements call beside the functions of SQLite (https://www.sqlite.org/appfunc.html).
var functions = map[string]*sqlite.FunctionImpl{
	"spend": {NArgs: 2, Scalar: spend},
}

// functional is the driver whose connections have our functions. The driver keeps those of the whole process, and gives them to the
// connections of its one registered instance alone; they are registered when the first connection is made.
var functional = sync.OnceValues(func() (driver.Driver, error) {
	for name, f := range functions {
		if err := sqlite.RegisterFunction(name, f); err != nil {
			return nil, err
		}
	}
	registered, err := database.Open("sqlite", "") // connects to nothing
	if err != nil {
		return nil, err
	}
	return registered.Driver(), registered.Close()
})

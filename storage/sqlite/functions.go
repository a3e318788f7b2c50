package sqlite

import (
	"bytes"
	database "database/sql"
	"database/sql/driver"
	"encoding/json"
	"sync"

	"modernc.org/sqlite"
)

// functions are what statements call beside the functions of SQLite (https://www.sqlite.org/appfunc.html). Texts are handed to them as
// blobs: the driver would end a text at its first zero byte.
var functions = map[string]*sqlite.FunctionImpl{
	"begins":   {NArgs: 3, Deterministic: true, Scalar: begins},
	"contains": {NArgs: 3, Deterministic: true, Scalar: contains},
	"digest":   {NArgs: 1, Deterministic: true, Scalar: digestOfText},
	"ends":     {NArgs: 3, Deterministic: true, Scalar: ends},
	"equals":   {NArgs: 3, Deterministic: true, Scalar: equals},
	"lies":     {NArgs: 6, Deterministic: true, Scalar: lies},
	"metres":   {NArgs: 4, Deterministic: true, Scalar: metres},
	"near":     {NArgs: 5, Deterministic: true, Scalar: isNear},
	"ranking":  {NArgs: 4, Deterministic: true, Scalar: ranking},
	"regain":   {NArgs: 2, Scalar: regain},
	"spend":    {NArgs: 3, Scalar: spend},
	"targets":  {NArgs: 3, Deterministic: true, Scalar: targets},
	"written":  {NArgs: 3, Deterministic: true, Scalar: written},
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

// digestOfText is the function digest(text): what term.hash is of a term of that value.
func digestOfText(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return sought(text(args[0])), nil
}

// targets is the function targets(entries, param, prefix): a JSON array of what comes behind the prefix ("Patient/") in the terms of a
// parameter that begin with it.
func targets(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	open, ids := openFrame(integer(args[1]), termFrame, text(args[2])), []string{}
	for rest := blob(args[0]); ; {
		_, from, found := bytes.Cut(rest, open)
		if !found {
			break
		}
		value, _, _ := bytes.Cut(from, []byte{edge})
		ids, rest = append(ids, unescape(value)), from
	}
	list, err := json.Marshal(ids)
	return string(list), err
}

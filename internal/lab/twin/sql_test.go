package twin

import (
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
)

// userDatabase is the one with something in it; all others are empty.
const userDatabase = "shop"

// acceptPostgreSQL speaks PostgreSQL until the listener closes.
func acceptPostgreSQL(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go speakPostgreSQL(conn)
	}
}

// speakPostgreSQL lets the user in and answers every query alike: with a row in the
// user's database and with none elsewhere.
func speakPostgreSQL(conn net.Conn) {
	defer conn.Close()
	client := pgproto3.NewBackend(conn, conn)
	database, in := logIn(client, conn)
	if !in {
		return
	}
	for client.Flush() == nil {
		message, err := client.Receive()
		if err != nil {
			return
		}
		answerSQL(client, message, database == userDatabase)
	}
}

// logIn returns the database that the client asks for, and whether it is the user.
func logIn(client *pgproto3.Backend, conn net.Conn) (database string, in bool) {
	for {
		first, err := client.ReceiveStartupMessage()
		if err != nil {
			return "", false
		}
		start, is := first.(*pgproto3.StartupMessage)
		if !is { // it asks for encryption
			if _, err := conn.Write([]byte{'N'}); err != nil {
				return "", false
			}
			continue
		}
		client.Send(&pgproto3.AuthenticationCleartextPassword{})
		if client.Flush() != nil || client.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
			return "", false
		}
		message, err := client.Receive()
		if err != nil {
			return "", false
		}
		password, is := message.(*pgproto3.PasswordMessage)
		if !is || password.Password != userPassword || start.Parameters["user"] != userName {
			client.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "password authentication failed"})
			_ = client.Flush() // who is gone needs no answer
			return "", false
		}
		client.Send(&pgproto3.AuthenticationOk{})
		for name, value := range map[string]string{"server_version": "15.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"} {
			client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
		}
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		return start.Parameters["database"], true
	}
}

// answerSQL answers a message, whichever of the protocol's two ways to ask it is of.
func answerSQL(client *pgproto3.Backend, message pgproto3.FrontendMessage, row bool) {
	columns := &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("id"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}}
	switch m := message.(type) {
	case *pgproto3.Query:
		client.Send(columns)
		sendRows(client, row)
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	case *pgproto3.Parse:
		client.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Describe:
		if m.ObjectType == 'S' {
			client.Send(&pgproto3.ParameterDescription{})
		}
		client.Send(columns)
	case *pgproto3.Bind:
		client.Send(&pgproto3.BindComplete{})
	case *pgproto3.Execute:
		sendRows(client, row)
	case *pgproto3.Close:
		client.Send(&pgproto3.CloseComplete{})
	case *pgproto3.Sync:
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

// sendRows sends the one row, or none.
func sendRows(client *pgproto3.Backend, row bool) {
	tag := "SELECT 0"
	if row {
		client.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("1")}})
		tag = "SELECT 1"
	}
	client.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

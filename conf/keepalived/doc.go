// Package keepalived reads keepalived.conf into vipd's model. What every
// keyword means here is said in tables (see Keywords); a file that keepalived
// would run with remarks is run, too, with remarks.
package keepalived

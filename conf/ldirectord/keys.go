package ldirectord

import (
	"regexp"
	"strconv"
	"strings"
)

// form is how a directive's value is written.
type form uint8

const (
	number     form = iota // the first run of digits counts, and must not be 0
	yesNo                  // yes or no
	word                   // as it is, from a set
	quoted                 // in double quotes, which are dropped
	mayQuote               // the same, or without quotes
	verbatim               // everything after "=", quotes included
	pathOrWord             // logfile: "path" or "facility"
)

// directive is one keyword of the file.
type directive struct {
	form    form
	global  bool
	virtual bool
}

// directives are all keywords but virtual, virtual6, real and real6.
var directives = map[string]directive{
	"checktimeout":     {number, true, true},
	"negotiatetimeout": {number, true, true},
	"checkinterval":    {number, true, true},
	"checkcount":       {number, true, true},
	"failurecount":     {number, true, true},
	"timeout":          {number, true, false},
	"connecttimeout":   {number, true, false},
	"autoreload":       {yesNo, true, false},
	"callback":         {quoted, true, false},
	"fallback":         {verbatim, true, true},
	"fallback6":        {verbatim, true, true},
	"fallbackcommand":  {mayQuote, true, true},
	"logfile":          {pathOrWord, true, false},
	"execute":          {verbatim, true, false},
	"supervised":       {yesNo, true, false},
	"fork":             {yesNo, true, false},
	"quiescent":        {yesNo, true, true},
	"readdquiescent":   {yesNo, true, false},
	"cleanstop":        {yesNo, true, true},
	"emailalert":       {mayQuote, true, true},
	"emailalertfrom":   {verbatim, true, false},
	"emailalertfreq":   {number, true, true},
	"emailalertstatus": {verbatim, true, true},
	"smtp":             {verbatim, true, true},
	"maintenancedir":   {verbatim, true, false},

	"request":      {quoted, false, true},
	"receive":      {quoted, false, true},
	"login":        {quoted, false, true},
	"passwd":       {quoted, false, true},
	"database":     {quoted, false, true},
	"secret":       {quoted, false, true},
	"load":         {quoted, false, true},
	"checktype":    {word, false, true},
	"checkcommand": {mayQuote, false, true},
	"checkport":    {number, false, true},
	"scheduler":    {word, false, true},
	"persistent":   {number, false, true},
	"schedflags":   {verbatim, false, true},
	"netmask":      {verbatim, false, true},
	"protocol":     {word, false, true},
	"ops":          {yesNo, false, true},
	"service":      {word, false, true},
	"httpmethod":   {word, false, true},
	"virtualhost":  {mayQuote, false, true},
	"monitorfile":  {mayQuote, false, true},
	"servicename":  {verbatim, false, true},
	"comment":      {verbatim, false, true},
}

// zeroAllowed are numbers that may be 0.
var zeroAllowed = map[string]bool{"emailalertfreq": true}

var digits = regexp.MustCompile(`[0-9]+`)

// value reads a value in its form; why says what is wrong with it. A remark is
// about a value that is read otherwise than it looks.
func (f form) value(key, text string) (value, why, remark string) {
	inner, isQuoted := unquote(text)
	switch f {
	case number:
		found := digits.FindString(text)
		n, err := strconv.ParseInt(found, 10, 32)
		switch {
		case found == "":
			return "", "it is not a number", ""
		case err != nil:
			return "", "the number is too large", ""
		case n == 0 && !zeroAllowed[key]:
			return "", "it must be greater than 0", ""
		case found != text:
			remark = "is read as " + found
		}
		return strconv.FormatInt(n, 10), "", remark
	case yesNo:
		if text != "yes" && text != "no" {
			return "", `it must be "yes" or "no"`, ""
		}
	case word:
		if strings.ContainsAny(text, " \t\"'") || text == "" {
			return "", "it must be one word without quotes", ""
		}
	case quoted, pathOrWord:
		if !isQuoted {
			return "", "the value must stand in double quotes", ""
		}
		return inner, "", ""
	case mayQuote:
		if isQuoted {
			return inner, "", ""
		}
	}
	return text, "", ""
}

// unquote drops the quotes round a value.
func unquote(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1], true
	}
	return s, false
}

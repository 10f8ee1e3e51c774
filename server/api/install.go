package api

import (
	"encoding/base64"

	"github.com/holdfast-security/holdfast/api"
)

// enrollCommands returns what to type on a host to enrol it with the token.
func (s *Server) enrollCommands(token string) api.EnrollCommands {
	pin := ""
	if s.Pin != nil {
		key := s.Pin()
		pin = " -k --pinnedpubkey 'sha256//" + base64.StdEncoding.EncodeToString(key[:]) + "'"
	}
	return api.EnrollCommands{
		Install: "curl -fsS" + pin + " '" + s.PublicURL + "/install' | sudo sh -s -- '" + token + "'",
		Enroll:  "sudo holdfast-agent enroll '" + token + "'",
	}
}

package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// problem returns an error as operations answer with it.
func (s *Server) problem(ctx context.Context, err error) error {
	p, headers := s.front.Problem(ctx, err)
	if headers != nil {
		return huma.ErrorWithHeaders(p, headers)
	}
	return p
}

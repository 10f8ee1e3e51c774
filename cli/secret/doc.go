// Package secret asks people for what nobody else may see: passwords. What is
// typed is not shown and goes nowhere but to the caller.
package secret

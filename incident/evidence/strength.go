package evidence

import "github.com/holdfast-security/holdfast/finding"

// Strengths of evidence, before commonness and distance. They are judgement,
// not learned: a cause alone is enough, a rare shared thing alone is enough,
// anything weaker needs a second reason.
const (
	Threshold = 0.5 // of an edge that joins

	CauseProcess    = 0.9
	CauseDecay      = 0.8 // with each step of a lineage
	CauseFile       = 0.85
	CauseSession    = 0.75
	CauseConnection = 0.9

	SharedHash    = 0.8
	SharedKey     = 0.8
	SharedDomain  = 0.7
	SharedAddress = 0.7
	SharedPrivate = 0.55 // addresses inside a network change hands, and gateways hide many
	SharedAccount = 0.45
	SharedImage   = 0.4
	SharedFile    = 0.4
	SharedMethod  = 0.5

	SameHost    = 0.3
	RarityScale = 0.7
	InOrder     = 0.1
	Telling     = 0.2 // rarity that makes up for more time than hostGap
)

// Class is what kinds of evidence have a source in common: of one class only
// the strongest counts.
type Class uint8

// Classes of evidence; Classes is their number.
const (
	ClassCause Class = iota
	ClassFile
	ClassNetwork
	ClassAccount
	ClassImage
	ClassMethod
	ClassHost
	ClassRarity
	ClassOrder
	Classes
)

// Shared returns the class and strength of a thing that may be on many hosts.
func Shared(kind finding.EntityKind, value string) (Class, float64) {
	switch kind {
	case finding.EntityHash:
		return ClassFile, SharedHash
	case finding.EntityKey:
		return ClassAccount, SharedKey
	case finding.EntityDomain:
		return ClassNetwork, SharedDomain
	case finding.EntityAddress:
		if Private(value) {
			return ClassNetwork, SharedPrivate
		}
		return ClassNetwork, SharedAddress
	case finding.EntityAccount:
		return ClassAccount, SharedAccount
	case finding.EntityImage:
		return ClassImage, SharedImage
	}
	return ClassFile, 0
}

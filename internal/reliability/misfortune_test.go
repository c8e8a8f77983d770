package reliability

import (
	"net/http"
	"time"

	"appstream-ami-exporter/internal/localaws"
)

// refusals are what services say when they do not do what they are asked for. Those that will not pass by themselves are in
// the second list: an administrator would see them.
var (
	passing = []localaws.Effect{
		{Kind: localaws.Refuse, Code: "ThrottlingException", Message: "Rate exceeded"},
		{Kind: localaws.Refuse, Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "An internal error occurred."},
		{Kind: localaws.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "The service is not available."},
		{Kind: localaws.ResetBefore},
		{Kind: localaws.ResetAfter},
		{Kind: localaws.HangBefore},
		{Kind: localaws.HangAfter},
	}
	lasting = []localaws.Effect{
		{Kind: localaws.Refuse, Code: "AccessDeniedException", Message: "User is not authorized."},
		{Kind: localaws.Refuse, Code: "ValidationException", Message: "1 validation error detected."},
	}
	ofStarts = []localaws.Effect{
		{Kind: localaws.Refuse, Code: "ConcurrentModificationException", Message: "An API error occurred. Wait a few minutes and try again."},
		{Kind: localaws.Refuse, Code: "ResourceNotAvailableException", Message: "The resource is not available."},
		{Kind: localaws.Refuse, Code: "LimitExceededException", Message: "The limit is exceeded."},
		{Kind: localaws.Refuse, Code: "ResourceNotFoundException", Message: "The resource was not found."},
		{Kind: localaws.Refuse, Code: "InvalidRoleException", Message: "The role is invalid."},
		{Kind: localaws.Refuse, Code: "OperationNotPermittedException", Message: "The operation is not permitted."},
		{Kind: localaws.Refuse, Code: "InvalidAccountStatusException", Message: "The account is suspended."},
	}
)

// fault decides what becomes of one call.
func (s *simulation) fault(call localaws.Call) localaws.Effect {
	now := time.Now()
	if !now.Before(s.calm) {
		return localaws.Effect{}
	}
	rate := s.faultRate
	for _, storm := range s.storms {
		if !now.Before(storm.from) && now.Before(storm.to) && (storm.service == "" || storm.service == call.Service) {
			rate = max(rate, storm.rate)
		}
	}
	switch {
	case s.chance(s.killRate):
		totals.faults.Add(1)
		totals.kills.Add(1)
		return localaws.Effect{Kind: []localaws.EffectKind{localaws.KillBefore, localaws.KillAfter}[s.IntN(2)]}
	case !s.chance(rate):
		return localaws.Effect{}
	}
	totals.faults.Add(1)
	list := passing
	switch {
	case call.Action == "CreateExportImageTask" && s.chance(0.4):
		list = ofStarts
	case s.chance(0.1):
		list = lasting
	}
	return list[s.IntN(len(list))]
}

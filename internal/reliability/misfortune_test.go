package reliability

import (
	"net/http"
	"time"

	"appstream-ami-exporter/internal/localaws/gateway"
)

// refusals are what services say when they do not do what they are asked for. Those that will not pass by themselves are in
// the second list: an administrator would see them.
var (
	passing = []gateway.Effect{
		{Kind: gateway.Refuse, Code: "ThrottlingException", Message: "Rate exceeded"},
		{Kind: gateway.Refuse, Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "An internal error occurred."},
		{Kind: gateway.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "The service is not available."},
		{Kind: gateway.ResetBefore},
		{Kind: gateway.ResetAfter},
		{Kind: gateway.HangBefore},
		{Kind: gateway.HangAfter},
	}
	lasting = []gateway.Effect{
		{Kind: gateway.Refuse, Code: "AccessDeniedException", Message: "User is not authorized."},
		{Kind: gateway.Refuse, Code: "ValidationException", Message: "1 validation error detected."},
	}
	ofStarts = []gateway.Effect{
		{Kind: gateway.Refuse, Code: "ConcurrentModificationException",
			Message: "An API error occurred. Wait a few minutes and try again."},
		{Kind: gateway.Refuse, Code: "ResourceNotAvailableException", Message: "The resource is not available."},
		{Kind: gateway.Refuse, Code: "LimitExceededException", Message: "The limit is exceeded."},
		{Kind: gateway.Refuse, Code: "ResourceNotFoundException", Message: "The resource was not found."},
		{Kind: gateway.Refuse, Code: "InvalidRoleException", Message: "The role is invalid."},
		{Kind: gateway.Refuse, Code: "OperationNotPermittedException", Message: "The operation is not permitted."},
		{Kind: gateway.Refuse, Code: "InvalidAccountStatusException", Message: "The account is suspended."},
	}
)

// fault decides what becomes of one call.
func (s *simulation) fault(call gateway.Call) gateway.Effect {
	now := time.Now()
	if !now.Before(s.calm) {
		return gateway.Effect{}
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
		return gateway.Effect{Kind: []gateway.EffectKind{gateway.KillBefore, gateway.KillAfter}[s.IntN(2)]}
	case !s.chance(rate):
		return gateway.Effect{}
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

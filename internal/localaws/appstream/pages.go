package appstream

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// numbered is something listed in pages, in the order of its number.
type numbered interface{ number() int }

// cutPage cuts the page that a token asks for out of all there is, and makes the token of the next one.
// A token holds the number of the last item seen, so that what comes or goes between two pages disturbs neither.
func cutPage[T numbered](operation string, all []T, token *string, size int) (page []T, next string, err error) {
	after, err := tokenNumber(operation, token)
	if err != nil {
		return nil, "", err
	}
	page = []T{} // the service answers with an empty list, not with null
	for _, item := range all {
		if item.number() <= after {
			continue
		}
		if len(page) == size {
			return page, tokenAfter(operation, page[size-1].number()), nil
		}
		page = append(page, item)
	}
	return page, "", nil
}

func tokenAfter(operation string, number int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", operation, number))
}

func tokenNumber(operation string, token *string) (int, error) {
	if token == nil {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	digits, ok := strings.CutPrefix(string(text), operation+":")
	if err == nil && ok {
		if number, err := strconv.Atoi(digits); err == nil && number > 0 {
			return number, nil
		}
	}
	return 0, awsreply.Refuse("ValidationException", "Value '%s' at 'nextToken' is not a token that %s returned.", *token, operation)
}

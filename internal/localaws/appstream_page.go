package localaws

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// asNumbered is something listed in pages, in the order of its number.
type asNumbered interface{ number() int }

// asPage cuts the page that a token asks for out of all there is, and makes the token of the next one.
// A token holds the number of the last item seen, so that what comes or goes between two pages disturbs neither.
func asPage[T asNumbered](operation string, all []T, token *string, size int) (page []T, next string, err error) {
	after, err := asAfter(operation, token)
	if err != nil {
		return nil, "", err
	}
	page = []T{} // the service answers with an empty list, not with null
	for _, item := range all {
		if item.number() <= after {
			continue
		}
		if len(page) == size {
			return page, asToken(operation, page[size-1].number()), nil
		}
		page = append(page, item)
	}
	return page, "", nil
}

func asToken(operation string, number int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", operation, number))
}

func asAfter(operation string, token *string) (int, error) {
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
	return 0, asErrorf("ValidationException", "Value '%s' at 'nextToken' is not a token that %s returned.", *token, operation)
}

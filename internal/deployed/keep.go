package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Keeping is the keeper's answer to a dry run: the fate of every AMI. It is the keeper's own package that writes it, but that one
// is linked with all that the keeper tells.
type Keeping struct {
	Mode    string          `json:"mode"` // of retirement: PLAN or ON
	Keep    string          `json:"keep"` // the keep rules
	Regions []KeepingRegion `json:"regions"`

	Raw json.RawMessage `json:"-"` // as the keeper wrote it
}

// KeepingRegion is one Region's part of it.
type KeepingRegion struct {
	Region string   `json:"region"`
	Unread []string `json:"unread"` // why nothing is retired here
	AMIs   []AMI    `json:"amis"`
	More   int      `json:"more"` // AMIs that have no room in the reply, and are named in the keeper's log
}

// AMI is the fate of one AMI: keep, retire, retiring, due or left.
type AMI struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Family     string    `json:"family"`
	ExportedAt time.Time `json:"exportedAt"`
	GiB        int       `json:"gib"`
	Fate       string    `json:"fate"`
	Reason     string    `json:"reason"`
	RetireAt   time.Time `json:"retireAt"`
	Obstacles  []string  `json:"obstacles"` // to an import into AppStream
}

// AskKeeper has the keeper of this name plan, and do nothing.
func AskKeeper(ctx context.Context, client *lambda.Client, name string) (k Keeping, err error) {
	if k.Raw, err = Invoke(ctx, client, name, []byte(`{"dryRun":true}`), types.InvocationTypeRequestResponse); err != nil {
		return k, err
	}
	if err := json.Unmarshal(k.Raw, &k); err != nil {
		return k, fmt.Errorf("the keeper's reply cannot be read: %w", err)
	}
	return k, nil
}

//go:build linux

package main

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cloud answers the calls of all programs over TLS, each service at an address of its own, as on AWS. The answers are made
// beforehand, so that it takes little of the machine that the programs are measured on.
type cloud struct {
	urls    map[string]string // by service
	delay   atomic.Int64      // before each answer
	account atomic.Pointer[account]

	mutex       sync.Mutex
	calls       map[string]int // by action
	connections int
	now, most   map[string]int // calls at a time, by action
}

// newCloud opens the addresses; they close with the process.
func newCloud(certificate tls.Certificate) (*cloud, error) {
	c := &cloud{urls: map[string]string{}}
	c.reset()
	for _, service := range []string{"APPSTREAM", "SNS", "SQS"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		c.urls[service] = "https://" + listener.Addr().String()
		server := &http.Server{
			Handler: c, ReadHeaderTimeout: time.Minute,
			ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					c.mutex.Lock()
					c.connections++
					c.mutex.Unlock()
				}
			},
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}},
		}
		go func() { _ = server.ServeTLS(listener, "", "") }()
	}
	return c, nil
}

// reset begins a new count.
func (c *cloud) reset() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.calls, c.now, c.most, c.connections = map[string]int{}, map[string]int{}, map[string]int{}, 0
}

// seen returns the calls by action, the most of each at a time, and the connections since reset.
func (c *cloud) seen() (calls, most map[string]int, connections int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.calls, c.most, c.connections
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if action == "" {
		form, _ := url.ParseQuery(string(body))
		action = form.Get("Action")
	}
	c.count(action, 1)
	time.Sleep(time.Duration(c.delay.Load()))
	status, answer := c.account.Load().answer(action, body)
	c.count(action, -1)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if action == "Publish" {
		w.Header().Set("Content-Type", "text/xml")
	}
	w.Header().Set("X-Amzn-RequestId", "6f3b1f0e-7d0c-4d5e-9f6a-0b1c2d3e4f50")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (c *cloud) count(action string, change int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if change > 0 {
		c.calls[action]++
	}
	c.now[action] += change
	c.most[action] = max(c.most[action], c.now[action])
}

const (
	accountID = "123456789012"
	region    = "eu-west-1"
	imageARN  = "arn:aws:appstream:" + region + ":" + accountID + ":image/"
	taskID    = "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11"
	made      = 1763900000 // when every image was made: 20251123T121320Z
)

// account has images, of which the first so many are new; the others have been exported.
type account struct {
	imagePages, taskPages [][]byte
}

func newAccount(images, fresh int) *account {
	a := &account{}
	a.imagePages = pages(images, 25, "Images", image)
	a.taskPages = pages(images-fresh, 500, "ExportImageTasks", func(i int) string { return pastTask(i + fresh) })
	return a
}

func pages(items, size int, name string, item func(int) string) [][]byte {
	var all [][]byte
	for start := 0; start == 0 || start < items; start += size {
		var list []string
		for i := start; i < min(items, start+size); i++ {
			list = append(list, item(i))
		}
		next := ""
		if start+size < items {
			next = fmt.Sprintf(`,"NextToken":"%d"`, len(all)+1)
		}
		all = append(all, fmt.Appendf(nil, `{%q:[%s]%s}`, name, strings.Join(list, ","), next))
	}
	return all
}

func imageName(i int) string { return fmt.Sprintf("win2022-office-%05d", i) }

func image(i int) string { return imageNamed(imageName(i)) }

// imageNamed is as long as an image with three applications is on the wire.
func imageNamed(name string) string {
	var applications []string
	for n := range 3 {
		applications = append(applications,
			fmt.Sprintf(`{"Name":"Application%[1]d","DisplayName":"Application %[1]d",`+
				`"IconURL":"https://appstream-app-icons.s3.amazonaws.com/%[2]s/Application%[1]d.png",`+
				`"LaunchPath":"C:\\Program Files\\Application%[1]d\\Application%[1]d.exe","Enabled":true,"Metadata":{}}`, n, name))
	}
	return fmt.Sprintf(`{"Name":%[1]q,"Arn":"`+imageARN+`%[1]s",`+
		`"BaseImageArn":"arn:aws:appstream:`+region+`::image/AppStream-WinServer2022-06-17-2026","DisplayName":%[1]q,"State":"AVAILABLE",`+
		`"Visibility":"PRIVATE","ImageBuilderSupported":true,"ImageBuilderName":"%[1]s-builder","Platform":"WINDOWS_SERVER_2022",`+
		`"Description":"An image for the office","Applications":[%[2]s],"CreatedTime":%[3]d.0,"PublicBaseImageReleasedDate":%[3]d.0,`+
		`"AppstreamAgentVersion":"06-17-2026","ImagePermissions":{"allowFleet":true,"allowImageBuilder":true},"ImageErrors":[],`+
		`"LatestAppstreamAgentVersion":"FALSE","ImageSharedWithOthers":"FALSE"}`,
		name, strings.Join(applications, ","), made)
}

func pastTask(i int) string {
	stamp := time.Unix(made, 0).UTC().Format("20060102T150405Z")
	return task(fmt.Sprintf("3f0c2f0e-8a55-4c1c-9f0e-%012x", i), imageName(i), imageName(i)+"-"+stamp, "COMPLETED",
		fmt.Sprintf(`,"AmiId":"ami-%017x","TagSpecifications":{"appstream-ami-exporter:trigger-id":"an-earlier-night"}`, i))
}

func task(id, image, ami, state, more string) string {
	return fmt.Sprintf(`{"TaskId":%q,"ImageArn":"`+imageARN+`%s","AmiName":%q,"CreatedDate":%d.0,"State":%q%s}`, id, image, ami, made+3600,
		state, more)
}

// answer is what the service says to one call.
func (a *account) answer(action string, body []byte) (int, []byte) {
	var input struct {
		Names                                                    []string
		Type, NextToken, ImageName, AmiName, TaskId, MessageBody string
	}
	_ = json.Unmarshal(body, &input) // SNS takes a form; nothing of it is needed
	page := 0
	_, _ = fmt.Sscanf(input.NextToken, "%d", &page)
	switch action {
	case "DescribeImages":
		switch {
		case len(input.Names) > 0:
			return http.StatusOK, []byte(`{"Images":[` + imageNamed(input.Names[0]) + `]}`)
		case input.Type == "PRIVATE":
			return http.StatusOK, a.imagePages[page]
		}
		return http.StatusOK, []byte(`{"Images":[]}`)
	case "ListExportImageTasks":
		return http.StatusOK, a.taskPages[page]
	case "ListTagsForResource":
		return http.StatusOK, []byte(`{"Tags":{"Team":"Desktop","Backup":"yes"}}`)
	case "CreateExportImageTask":
		return http.StatusOK, []byte(`{"ExportImageTask":` + task(taskID, input.ImageName, input.AmiName, "EXPORTING", "") + `}`)
	case "GetExportImageTask":
		return http.StatusOK, []byte(`{"ExportImageTask":` + task(input.TaskId, "win2022", "win2022", "EXPORTING", "") + `}`)
	case "SendMessage":
		sum := md5.Sum([]byte(input.MessageBody))
		return http.StatusOK, fmt.Appendf(nil, `{"MessageId":%q,"MD5OfMessageBody":%q}`, taskID, hex.EncodeToString(sum[:]))
	case "ChangeMessageVisibility":
		return http.StatusOK, []byte(`{}`)
	case "Publish":
		return http.StatusOK, []byte(`<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>` +
			taskID + `</MessageId></PublishResult></PublishResponse>`)
	}
	return http.StatusNotFound, []byte("<UnknownOperationException/>\n")
}

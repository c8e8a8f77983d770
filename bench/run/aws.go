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
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
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
	_, action := awsreply.Operation(r, body)
	c.count(action, 1)
	time.Sleep(time.Duration(c.delay.Load()))
	parameters, err := awsreply.Parameters(r, body)
	if err != nil {
		return // no program sends that
	}
	answer := c.account.Load().answer(action, parameters)
	c.count(action, -1)
	w.Header().Set("X-Amzn-RequestId", "6f3b1f0e-7d0c-4d5e-9f6a-0b1c2d3e4f50")
	switch answer := answer.(type) {
	case prepared:
		answer.write(w, r)
	case published:
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, string(answer))
	default:
		awsreply.Write(w, r, answer)
	}
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

type object = map[string]any

// prepared is an output in both of AppStream's protocols.
type prepared struct{ inJSON, inCBOR []byte }

func prepare(output any) prepared {
	encode := func(name, value string) []byte {
		request := &http.Request{Header: http.Header{name: {value}}}
		answer := awsreply.NewBuffer()
		awsreply.Write(answer, request, output)
		return answer.Body()
	}
	return prepared{inJSON: encode("X-Amz-Target", "AppStream"), inCBOR: encode("Smithy-Protocol", "rpc-v2-cbor")}
}

func (p prepared) write(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Smithy-Protocol") == "" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(p.inJSON)
		return
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	_, _ = w.Write(p.inCBOR)
}

// account has images, of which the first so many are new; the others have been exported.
type account struct {
	imagePages, taskPages []prepared
}

func newAccount(images, fresh int) *account {
	a := &account{}
	a.imagePages = pages(images, 25, "Images", func(i int) any { return image(imageName(i)) })
	a.taskPages = pages(images-fresh, 500, "ExportImageTasks", func(i int) any { return pastTask(i + fresh) })
	return a
}

func pages(items, size int, name string, item func(int) any) []prepared {
	var all []prepared
	for start := 0; start == 0 || start < items; start += size {
		var list []any
		for i := start; i < min(items, start+size); i++ {
			list = append(list, item(i))
		}
		page := object{name: list}
		if start+size < items {
			page["NextToken"] = strconv.Itoa(len(all) + 1)
		}
		all = append(all, prepare(page))
	}
	return all
}

func imageName(i int) string { return fmt.Sprintf("win2022-office-%05d", i) }

// image is as long as an image with three applications is on the wire.
func image(name string) any {
	var applications []any
	for n := range 3 {
		application := fmt.Sprintf("Application%d", n)
		applications = append(applications, object{
			"Name": application, "DisplayName": fmt.Sprintf("Application %d", n),
			"IconURL":    "https://appstream-app-icons.s3.amazonaws.com/" + name + "/" + application + ".png",
			"LaunchPath": `C:\Program Files\` + application + `\` + application + `.exe`, "Enabled": true, "Metadata": object{},
		})
	}
	return object{
		"Name": name, "Arn": imageARN + name,
		"BaseImageArn": "arn:aws:appstream:" + region + "::image/AppStream-WinServer2022-06-17-2026",
		"DisplayName":  name, "State": "AVAILABLE", "Visibility": "PRIVATE",
		"ImageBuilderSupported": true, "ImageBuilderName": name + "-builder",
		"Platform": "WINDOWS_SERVER_2022", "Description": "An image for the office",
		"Applications": applications, "CreatedTime": awsreply.Time(time.Unix(made, 0)),
		"PublicBaseImageReleasedDate": awsreply.Time(time.Unix(made, 0)),
		"AppstreamAgentVersion":       "06-17-2026",
		"ImagePermissions":            object{"allowFleet": true, "allowImageBuilder": true}, "ImageErrors": []any{},
		"LatestAppstreamAgentVersion": "FALSE", "ImageSharedWithOthers": "FALSE",
	}
}

func pastTask(i int) any {
	stamp := time.Unix(made, 0).UTC().Format("20060102T150405Z")
	past := task(fmt.Sprintf("3f0c2f0e-8a55-4c1c-9f0e-%012x", i), imageName(i), imageName(i)+"-"+stamp, "COMPLETED")
	past["AmiId"] = fmt.Sprintf("ami-%017x", i)
	past["TagSpecifications"] = object{"appstream-ami-exporter:trigger-id": "an-earlier-night"}
	return past
}

func task(id, image, ami, state string) object {
	return object{
		"TaskId": id, "ImageArn": imageARN + image, "AmiName": ami,
		"CreatedDate": awsreply.Time(time.Unix(made+3600, 0)), "State": state,
	}
}

// published is the answer of SNS, which speaks XML.
type published string

// answer is what the service says to one call.
func (a *account) answer(action string, parameters []byte) any {
	var input struct {
		Names                                                    []string
		Type, NextToken, ImageName, AmiName, TaskId, MessageBody string
	}
	_ = json.Unmarshal(parameters, &input) // SNS takes a form; nothing of it is needed
	page := 0
	_, _ = fmt.Sscanf(input.NextToken, "%d", &page)
	switch action {
	case "DescribeImages":
		switch {
		case len(input.Names) > 0:
			return object{"Images": []any{image(input.Names[0])}}
		case input.Type == "PRIVATE":
			return a.imagePages[page]
		}
		return object{"Images": []any{}}
	case "ListExportImageTasks":
		return a.taskPages[page]
	case "ListTagsForResource":
		return object{"Tags": object{"Team": "Desktop", "Backup": "yes"}}
	case "CreateExportImageTask":
		return object{"ExportImageTask": task(taskID, input.ImageName, input.AmiName, "EXPORTING")}
	case "GetExportImageTask":
		return object{"ExportImageTask": task(input.TaskId, "win2022", "win2022", "EXPORTING")}
	case "SendMessage":
		sum := md5.Sum([]byte(input.MessageBody))
		return object{"MessageId": taskID, "MD5OfMessageBody": hex.EncodeToString(sum[:])}
	case "Publish":
		return published(`<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>` +
			taskID + `</MessageId></PublishResult></PublishResponse>`)
	}
	return object{}
}

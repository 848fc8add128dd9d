// A feed service in Go: deadline, repetition only where it is safe, lawful fallback.
// client ADDRESS KEYS_FILE CANDIDATES SECONDS   (TOKEN=bearer token, under TLS alone)
package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "slotwarden/rankerv1"
)

const (
	deadline   = 500 * time.Millisecond
	pace       = 200 * time.Millisecond
	freshen    = time.Second
	backoff    = 5 * time.Millisecond // before the first repetition; it doubles
	repeatsMax = 5
	service    = "/ranker.v1.RerankService/"
	signed     = "slotwarden-fallback/v1\n"
)

type feed struct {
	channel *grpc.ClientConn             // one a process; gRPC keeps it connected
	keys    map[string]ed25519.PublicKey // by name: each server process has its own
	token   string
	request *pb.RerankRequest
	held    atomic.Pointer[holding]
}

// holding is the newest fallback slate, and until when it may be shown by our steady clock: one
// that is set wrong may not lengthen that.
type holding struct {
	slate *pb.FallbackSlate
	until time.Time
}

// call repeats what may be repeated while the deadline lasts.
func (f *feed) call(method string, in, out proto.Message, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if f.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+f.token)
	}
	until, _ := ctx.Deadline()
	for repeats := 0; ; repeats++ {
		var trailer metadata.MD
		err := f.channel.Invoke(ctx, service+method, in, out, grpc.Trailer(&trailer))
		wait, again := pause(status.Code(err), trailer, repeats)
		if err == nil || !again || time.Until(until) <= wait {
			return err
		}
		time.Sleep(wait)
	}
}

// pause tells how long to wait before the next try, and whether there may be one.
func pause(code codes.Code, trailer metadata.MD, repeats int) (time.Duration, bool) {
	switch code {
	case codes.Unavailable, codes.Canceled: // Rerank is safe to repeat: it only adds a record
		return backoff << repeats, repeats < repeatsMax
	case codes.ResourceExhausted: // once, and only when the server says when
		if told := trailer.Get("grpc-retry-pushback-ms"); len(told) == 1 && repeats == 0 {
			ms, err := strconv.ParseUint(told[0], 10, 31)
			return time.Duration(ms) * time.Millisecond, err == nil
		}
	}
	return 0, false
}

// keepFresh runs beside the pages: none of them waits for it.
func (f *feed) keepFresh() {
	for {
		f.refresh()
		time.Sleep(freshen)
	}
}

func (f *feed) refresh() {
	reply := &pb.FallbackSlateResponse{}
	asked := &pb.FallbackSlateRequest{Request: f.request}
	begun := time.Now()
	if f.call("FallbackSlate", asked, reply, 2*time.Second) != nil {
		return // the last one serves until it expires
	}
	key, ours := f.keys[strings.SplitN(reply.Key, "+", 2)[0]]
	if !ours || !ed25519.Verify(key, append([]byte(signed), reply.Slate...), reply.Signature) {
		return
	}
	slate, held := &pb.FallbackSlate{}, f.held.Load()
	if proto.Unmarshal(reply.Slate, slate) != nil || !isFor(slate, f.request) {
		return
	}
	if held == nil || slate.DecidedUs >= held.slate.DecidedUs {
		lasts := time.Duration(slate.ExpiresUs-slate.DecidedUs) * time.Microsecond
		f.held.Store(&holding{slate, begun.Add(lasts)})
	}
}

// isFor tells whether a slate is one for a page: a signature does not say whose answer it is.
func isFor(slate *pb.FallbackSlate, asked *pb.RerankRequest) bool {
	return slate.Surface == asked.Surface && slate.Terminal == asked.Terminal &&
		slate.ViewerClass == asked.ViewerClass && slate.Personalised &&
		len(slate.Slots) == int(asked.SlotCount)
}

func (f *feed) page() []string {
	reply := &pb.RerankResponse{}
	err := f.call("Rerank", f.request, reply, deadline)
	if err == nil {
		told := []string{"decided"}
		for _, placement := range reply.Decision.Placements {
			var duties []pb.Duty
			for _, owed := range placement.Duties {
				duties = append(duties, owed.Duty)
			}
			told = append(told, shown(placement.Id, duties))
		}
		return told
	}
	fmt.Fprintln(os.Stderr, err)
	held, now := f.held.Load(), time.Now()
	if held != nil && now.Before(held.until) && uint64(now.UnixMicro()) < held.slate.ExpiresUs {
		told := []string{"fallback"}
		for _, slot := range held.slate.Slots {
			told = append(told, shown(slot.Id, slot.Duties))
		}
		return told
	}
	return []string{"none"} // no governed slot: never the raw list
}

// shown shows a candidate with its duties, marks and numbers: without them it is unlawful.
func shown(id string, duties []pb.Duty) string {
	if id == "" {
		return "-"
	}
	for _, duty := range duties {
		id += "+" + strings.TrimPrefix(duty.String(), "DUTY_")
	}
	return id
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	channel, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	must(err)
	text, err := os.ReadFile(os.Args[2])
	must(err)
	keys := map[string]ed25519.PublicKey{}
	for _, line := range strings.Fields(string(text)) { // a key a line
		parts := strings.SplitN(line, "+", 3)
		raw, err := base64.StdEncoding.DecodeString(parts[2])
		must(err)
		keys[parts[0]] = raw[1:] // its kind comes first
	}
	columns := &pb.CandidateColumns{}
	file, err := os.Open(os.Args[3])
	must(err)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		utility, err := strconv.ParseFloat(fields[1], 32)
		must(err)
		columns.StringIds = append(columns.StringIds, fields[0])
		columns.Utilities = append(columns.Utilities, float32(utility))
	}
	request := &pb.RerankRequest{
		Surface: "home", Terminal: "phone", SlotCount: 5,
		Candidates: &pb.RerankRequest_Columns{Columns: columns},
	}
	f := &feed{channel: channel, keys: keys, request: request, token: os.Getenv("TOKEN")}
	go f.keepFresh()
	seconds, err := strconv.Atoi(os.Args[4])
	must(err)
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for begun := time.Now(); begun.Before(end); begun = time.Now() {
		fmt.Println(strings.Join(f.page(), " "))
		time.Sleep(pace - time.Since(begun))
	}
}
